"""Read the inputs of freshness and timeliness, in one query for all pipelines."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from observe_dagster.config.models.check_names import FRESHNESS, TIMELINESS
from observe_dagster.config.models.pipeline import Expectations
from observe_dagster.ledger.checks.rows import ExpectationsRow, LastRequestedRun, RunTiming, TimingInputs
from observe_dagster.ledger.watched.rows import asset_key_of
from observe_dagster.records import RunType, Status

_EXPECTATIONS = tuple(Expectations.model_fields)

ASSET_OF_PIPELINE = (
    "CASE WHEN p.managed THEN concat_ws('/', p.destination_connection_id, p.destination_schema, p.destination_table)"
    " ELSE ltrim(p.pipeline_id, '/') END"
)
"""The key of a pipeline's asset, in SQL that names the pipeline `p`."""

_TIMED = "p.active AND coalesce(p.timeliness_number, t.timeliness_number) IS NOT NULL"
_QUERY = sa.text(f"""
SELECT p.*, t.id IS NOT NULL AS has_type, {", ".join(f"t.{name} AS type_{name}" for name in _EXPECTATIONS)},
       freshness.status AS freshness_status, timeliness.status AS timeliness_status,
       opened.ids AS open_ids, opened.starts AS open_starts,
       untimed.ids AS untimed_ids, untimed.starts AS untimed_starts,
       untimed.ends AS untimed_ends, untimed.outcomes AS untimed_outcomes,
       ended.id AS ended_id, ended.start_date AS ended_start, ended.end_date AS ended_end,
       ended.completed_successfully AS ended_outcome,
       begun.type AS begun_type, begun.logical_date AS begun_logical_date, begun.start_date AS begun_start,
       begun.range_end AS begun_range_end
FROM observe.pipeline p
LEFT JOIN observe.pipeline_type t ON t.id = p.pipeline_type_id
LEFT JOIN observe.check_status freshness
    ON freshness.asset = {ASSET_OF_PIPELINE} AND freshness.check_name = '{FRESHNESS}'
LEFT JOIN observe.check_status timeliness
    ON timeliness.asset = {ASSET_OF_PIPELINE} AND timeliness.check_name = '{TIMELINESS}'
LEFT JOIN (
    SELECT pipeline_pk, array_agg(id ORDER BY start_date, id) AS ids,
           array_agg(start_date ORDER BY start_date, id) AS starts
    FROM observe.pipeline_execution WHERE end_date IS NULL GROUP BY pipeline_pk
) opened ON opened.pipeline_pk = p.id
LEFT JOIN LATERAL (
    SELECT array_agg(id ORDER BY end_date, id) AS ids, array_agg(start_date ORDER BY end_date, id) AS starts,
           array_agg(end_date ORDER BY end_date, id) AS ends,
           array_agg(completed_successfully ORDER BY end_date, id) AS outcomes
    FROM observe.pipeline_execution e
    WHERE e.pipeline_pk = p.id AND e.end_date >= :untimed_since AND e.timeliness_judged_at IS NULL
      AND e.duration_seconds IS NOT NULL
) untimed ON {_TIMED}
LEFT JOIN LATERAL (
    SELECT * FROM observe.pipeline_execution e
    WHERE e.pipeline_pk = p.id AND e.duration_seconds IS NOT NULL ORDER BY e.start_date DESC LIMIT 1
) ended ON {_TIMED}
LEFT JOIN LATERAL (
    SELECT * FROM observe.pipeline_execution e
    WHERE e.pipeline_pk = p.id AND e.type <> 'backfill' ORDER BY e.start_date DESC LIMIT 1
) begun ON {_TIMED}
WHERE (p.active OR freshness.status <> 'skipped' OR timeliness.status <> 'skipped')
  AND (CAST(:pipeline_ids AS text[]) IS NULL OR p.pipeline_id = ANY(CAST(:pipeline_ids AS text[])))
ORDER BY p.pipeline_id
""")  # noqa: S608 (column names of our own)


def timing_inputs(
    db: sa.Connection, pipeline_ids: Collection[str] | None, *, untimed_since: datetime
) -> list[TimingInputs]:
    """The inputs of active pipelines, and of others whose checks are not skipped yet.

    Ended runs count as untimed when they ended since `untimed_since` and were not judged.
    """
    ids = None if pipeline_ids is None else list(pipeline_ids)
    rows = db.execute(_QUERY, {"pipeline_ids": ids, "untimed_since": untimed_since}).mappings()
    return [_timing_inputs(row) for row in rows]


def asset_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The key of a pipeline's asset: the table it writes, or the watched asset."""
    if not row["managed"]:
        return asset_key_of(row["pipeline_id"])
    return (row["destination_connection_id"], row["destination_schema"], row["destination_table"])


def _timing_inputs(row: sa.RowMapping) -> TimingInputs:
    created, changed = _utc(row["created_at"]), row["updated_at"]
    inherited = {name: row[f"type_{name}"] for name in _EXPECTATIONS}
    opened = zip(row["open_ids"] or (), row["open_starts"] or (), strict=True)
    untimed = zip(*(row[f"untimed_{name}"] or () for name in ("ids", "starts", "ends", "outcomes")), strict=True)
    ended = [row[f"ended_{name}"] for name in ("id", "start", "end", "outcome")]
    return TimingInputs(
        pipeline_id=row["pipeline_id"],
        name=row["name"],
        asset=asset_of({**row}),
        managed=row["managed"],
        active=row["active"],
        paused=row["paused_by_user"] or row["state"] == "paused",
        faulted=bool(row["errors"]),
        created_at=created,
        changed_at=created if changed is None else max(created, _utc(changed)),
        last_insert=_moment(row["last_target_insert"]),
        last_update=_moment(row["last_target_update"]),
        last_soft_delete=_moment(row["last_target_soft_delete"]),
        own=ExpectationsRow(**{name: row[name] for name in _EXPECTATIONS}),
        inherited=ExpectationsRow(**inherited) if row["has_type"] else None,
        open_runs=tuple(_run(*each) for each in opened),
        untimed_runs=tuple(_run(*each) for each in untimed),
        latest_ended=None if row["ended_id"] is None else _run(*ended),
        latest_start=_latest_start(row),
        freshness_status=_status(row["freshness_status"]),
        timeliness_status=_status(row["timeliness_status"]),
    )


def _latest_start(row: sa.RowMapping) -> LastRequestedRun | None:
    if row["begun_type"] is None:
        return None
    return LastRequestedRun(
        run_type=RunType(row["begun_type"]),
        logical_date=_utc(row["begun_logical_date"]),
        range_end=row["begun_range_end"],
        started_at=_utc(row["begun_start"]),
    )


def _run(
    execution_id: int,
    start: datetime,
    end: datetime | None = None,
    outcome: bool | None = None,  # noqa: FBT001 (a column's value)
) -> RunTiming:
    return RunTiming(execution_id=execution_id, started_at=_utc(start), ended_at=_moment(end), succeeded=outcome)


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


def _moment(at: datetime | None) -> datetime | None:
    return None if at is None else _utc(at)


def _status(text: str | None) -> Status | None:
    return None if text is None else Status(text)
