"""The kinds of checks, one row each: all that storing, showing and routing a check's results asks about its kind."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckKind:
    """One kind of check.

    `in_seconds`: its values and bounds are seconds. `between_runs`: its status changes as time goes by, so the status
    sensor judges it every minute, and a result that is the same is kept once a day. `of_executions`: a result is about
    one execution, and a later result about the same one replaces it. `flags`: a value that fails is left out of the
    history that later values are compared with. `heading` is its column in `observe status`.
    """

    name: str
    in_seconds: bool = False
    between_runs: bool = False
    of_executions: bool = False
    flags: bool = False
    heading: str = "Other checks"


CHECK_KINDS: Mapping[str, CheckKind] = {
    kind.name: kind
    for kind in (
        CheckKind(name="freshness", in_seconds=True, between_runs=True, heading="Freshness"),
        CheckKind(name="timeliness", in_seconds=True, between_runs=True, of_executions=True, heading="Timeliness"),
        CheckKind(name="anomaly", of_executions=True, flags=True, heading="Anomalies"),
        CheckKind(name="metric", flags=True),
        CheckKind(name="schema"),
        CheckKind(name="test"),
        CheckKind(name="diff"),
    )
}
"""By name, which is the `type` of a monitor."""

_OTHER = CheckKind(name="check")


def check_kind(name: str) -> CheckKind:
    """The kind of that name; a check that this package did not make is of a kind without properties."""
    return CHECK_KINDS.get(name, _OTHER)
