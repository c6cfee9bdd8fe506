"""How much time a pipeline is given, after what it inherits from its type, and who muted the check."""

from dataclasses import dataclass
from typing import Literal, Protocol

Level = Literal["pipeline", "pipeline type"]


class Expecting(Protocol):
    """Whatever has the freshness and timeliness pairs: a declared pipeline or type, or a row of the ledger."""

    @property
    def freshness_number(self) -> int | None: ...  # noqa: D102
    @property
    def freshness_datepart(self) -> str | None: ...  # noqa: D102
    @property
    def mute_freshness_check(self) -> bool: ...  # noqa: D102
    @property
    def timeliness_number(self) -> int | None: ...  # noqa: D102
    @property
    def timeliness_datepart(self) -> str | None: ...  # noqa: D102
    @property
    def mute_timeliness_check(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A number of dateparts, or None of both where nobody declared one; `level` is who did."""

    number: int | None = None
    datepart: str | None = None
    level: Level | None = None
    muted_by: Level | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimingRule:
    """What is declared: `name` is for the sentence.

    Days and longer dateparts of the allowance are counted on the wall clock of `timezone`.
    """

    name: str
    allowance: Threshold
    active: bool = True
    paused: bool = False
    timezone: str = "UTC"


def freshness_allowance(pipeline: Expecting, pipeline_type: Expecting | None = None) -> Threshold:
    """How old a table may be: the pipeline's own pair if it has one, else its type's. Muted by either is muted."""
    return _inherit(_freshness(pipeline), None if pipeline_type is None else _freshness(pipeline_type))


def timeliness_allowance(pipeline: Expecting, pipeline_type: Expecting | None = None) -> Threshold:
    """How long a run may take: the pipeline's own pair if it has one, else its type's. Muted by either is muted."""
    return _inherit(_timeliness(pipeline), None if pipeline_type is None else _timeliness(pipeline_type))


_Declared = tuple[int | None, str | None, bool]


def _freshness(declared: Expecting) -> _Declared:
    return declared.freshness_number, declared.freshness_datepart, declared.mute_freshness_check


def _timeliness(declared: Expecting) -> _Declared:
    return declared.timeliness_number, declared.timeliness_datepart, declared.mute_timeliness_check


def _inherit(own: _Declared, inherited: _Declared | None) -> Threshold:
    levels: list[tuple[Level, _Declared]] = [("pipeline", own)]
    if inherited is not None:
        levels.append(("pipeline type", inherited))
    muted_by: Level | None = next((level for level, (_, _, muted) in levels if muted), None)
    for level, (number, datepart, _) in levels:
        if number is not None and datepart is not None:
            return Threshold(number=number, datepart=datepart, level=level, muted_by=muted_by)
    return Threshold(muted_by=muted_by)
