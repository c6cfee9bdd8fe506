"""Judge a schema monitor: which columns came, went, moved or changed their type since the accepted schema."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import SequenceMatcher
from typing import Any, Self

from observe_dagster.checks.dateparts import count_of
from observe_dagster.records import Outcome, Status

ACCEPTED_AFTER = timedelta(days=7)
"""A changed schema that has stayed the same for so long is the new normal."""

Schema = tuple[tuple[str, str], ...]
"""The columns of a table in order, each a name and the engine's spelling of its type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaBaseline:
    """What the last outcome recorded: the accepted schema, and the observed one, unchanged since `since`."""

    accepted: Schema
    columns: Schema | None
    since: datetime

    @classmethod
    def of(cls, evidence: Mapping[str, Any] | None) -> Self | None:
        """Read the evidence of an earlier outcome; None where it has no columns."""
        if not evidence or "accepted" not in evidence:
            return None
        return cls(
            accepted=_read(evidence["accepted"]) or (),
            columns=_read(evidence.get("columns")),
            since=datetime.fromisoformat(evidence["since"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedSchema:
    """What was observed: the columns of a table now, None where there is no such table."""

    table: str
    columns: Schema | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaDifference:
    """How one schema differs from another."""

    added: Schema = ()
    removed: Schema = ()
    retyped: tuple[tuple[str, str, str], ...] = ()
    moved: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.retyped or self.moved)


def difference(before: Schema, after: Schema) -> SchemaDifference:
    """Compare two schemas by the columns' names; a column that came in between moves no other."""
    old, new = dict(before), dict(after)
    kept_before = [name for name in old if name in new]
    kept_after = [name for name in new if name in old]
    still: set[str] = set()
    for block in SequenceMatcher(None, kept_before, kept_after, autojunk=False).get_matching_blocks():
        still.update(kept_before[block.a : block.a + block.size])
    return SchemaDifference(
        added=tuple((name, native) for name, native in after if name not in old),
        removed=tuple((name, native) for name, native in before if name not in new),
        retyped=tuple((name, old[name], native) for name, native in after if name in old and old[name] != native),
        moved=tuple(name for name in kept_after if name not in still),
    )


def judge(observed: ObservedSchema, baseline: SchemaBaseline | None, *, now: datetime) -> Outcome:
    """Fail while the columns are not those that were accepted; the first run accepts those it observes.

    A change is accepted when it has stayed as it is for a week. The evidence is the baseline of the next run.
    """
    if baseline is None:
        return _first(observed, now)
    since = baseline.since if observed.columns == baseline.columns else now
    if observed.columns is None:
        evidence = _evidence(baseline.accepted, None, since)
        return Outcome(status=Status.FAIL, reason=f"The table {observed.table} is gone.", evidence=evidence)
    changed = difference(baseline.accepted, observed.columns)
    count = count_of(len(observed.columns), "column")
    if not changed:
        evidence = _evidence(baseline.accepted, observed.columns, since)
        return Outcome(
            status=Status.PASS, reason=f"The {count} of {observed.table} are as they were.", evidence=evidence
        )
    changes = _sentence(changed)
    if now - since >= ACCEPTED_AFTER:
        reason = f"{observed.table} changed on {since:%Y-%m-%d} and has stayed so: {changes}; this is accepted now."
        evidence = _evidence(observed.columns, observed.columns, since, changed)
        return Outcome(status=Status.PASS, reason=reason, evidence=evidence)
    return Outcome(
        status=Status.FAIL,
        reason=f"The columns of {observed.table} changed: {changes}.",
        evidence=_evidence(baseline.accepted, observed.columns, since, changed),
    )


def _first(observed: ObservedSchema, now: datetime) -> Outcome:
    if observed.columns is None:
        return Outcome(status=Status.ERROR, reason=f"There is no table {observed.table}.")
    return Outcome(
        status=Status.LEARNING,
        reason=f"Learning: {count_of(len(observed.columns), 'column')} of {observed.table} recorded to compare with.",
        evidence=_evidence(observed.columns, observed.columns, now),
    )


def _sentence(changes: SchemaDifference) -> str:
    parts = [f"{name} ({native}) was added" for name, native in changes.added]
    parts += [f"{name} ({native}) was removed" for name, native in changes.removed]
    parts += [f"{name} was {old} and is {new}" for name, old, new in changes.retyped]
    parts += [f"{name} moved" for name in changes.moved]
    return "; ".join(parts)


def _evidence(
    accepted: Schema, columns: Schema | None, since: datetime, changes: SchemaDifference | None = None
) -> dict[str, Any]:
    evidence: dict[str, Any] = {
        "columns": _written(columns),
        "accepted": _written(accepted),
        "since": since.astimezone(UTC).isoformat(),
    }
    if changes is not None:
        evidence |= {
            "added": _written(changes.added),
            "removed": _written(changes.removed),
            "type_changed": [{"name": name, "from": old, "to": new} for name, old, new in changes.retyped],
            "moved": list(changes.moved),
        }
    return evidence


def _written(schema: Schema | None) -> list[dict[str, str]] | None:
    return None if schema is None else [{"name": name, "type": native} for name, native in schema]


def _read(columns: Sequence[Mapping[str, str]] | None) -> Schema | None:
    return None if columns is None else tuple((column["name"], column["type"]) for column in columns)
