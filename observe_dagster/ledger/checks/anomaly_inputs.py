"""Read the inputs of anomaly checks: one query for every rule, streamed rule by rule as arrays."""

import struct
from collections.abc import Collection, Generator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psycopg
import sqlalchemy as sa
from psycopg import pq
from psycopg.adapt import Buffer, Loader
from psycopg.rows import dict_row

from observe_dagster.ledger.checks.rows import AnomalyCase, RuleRow
from observe_dagster.ledger.checks.timing_inputs import asset_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MEASURED = (
    "duration_seconds",
    "throughput",
    "total_rows",
    "inserts",
    "updates",
    "unchanged",
    "soft_deletes",
    "rejected",
    "superseded",
    "late",
    "bytes",
    "table_rows",
)
"""The metrics that every run has; any other name is looked up among the numbers of `execution_metadata`."""

_RULES_AT_A_TIME = 200
_MICROSECONDS_FROM_1970_TO_2000 = 946_684_800_000_000
_ARRAY_HEADER = struct.Struct(">iiiii")
_ARRAY_OIDS = (1016, 1185, 1022, 1005)
"""int8[], timestamptz[], float8[], int2[]."""

_METRIC = f"""CASE r.metric_field
    {" ".join(f"WHEN '{name}' THEN e.{name}" for name in MEASURED)}
    ELSE CASE jsonb_typeof(e.execution_metadata -> r.metric_field) WHEN 'number'
         THEN CASE WHEN abs((e.execution_metadata ->> r.metric_field)::numeric) < 1e300
              THEN (e.execution_metadata ->> r.metric_field)::float8 END
         END
    END"""

_QUERY = """
WITH judged AS MATERIALIZED (
    SELECT e.pipeline_pk, array_agg(e.id) AS ids, min(e.start_date) AS first, max(e.start_date) AS last
    FROM observe.pipeline_execution e JOIN observe.pipeline p ON p.id = e.pipeline_pk
    WHERE p.active AND e.completed_successfully AND {comparable} AND {chosen}
      AND EXISTS (SELECT FROM observe.anomaly_detection_rule a WHERE a.pipeline_pk = p.id AND a.active)
    GROUP BY e.pipeline_pk
)
SELECT p.pipeline_id, p.name, p.managed, p.destination_connection_id, p.destination_schema, p.destination_table,
       judged.ids AS to_judge,
       r.id, r.metric_field, r.method, r.z_threshold, r.lookback_days, r.minimum_executions,
       runs.ids, runs.starts, runs.metrics, runs.flags
FROM judged
JOIN observe.pipeline p ON p.id = judged.pipeline_pk
JOIN observe.anomaly_detection_rule r ON r.pipeline_pk = p.id AND r.active
CROSS JOIN LATERAL (
    SELECT array_agg(e.id) AS ids, array_agg(e.start_date) AS starts,
           array_agg(coalesce(({metric})::float8, 'NaN')) AS metrics,
           array_agg(CASE e.anomaly_flags -> r.metric_field
                     WHEN 'true' THEN 1 WHEN 'false' THEN 2 ELSE 0 END::int2) AS flags
    FROM observe.pipeline_execution e
    WHERE e.pipeline_pk = p.id AND e.completed_successfully AND {comparable}
      AND e.start_date BETWEEN judged.first - r.lookback_days * interval '24 hours' AND judged.last
) runs
"""
_EXECUTIONS = "e.id = ANY(%(execution_ids)s)"
_LATEST = """e.id = (SELECT l.id FROM observe.pipeline_execution l
    WHERE l.pipeline_pk = p.id AND l.completed_successfully AND {comparable} ORDER BY l.start_date DESC LIMIT 1)"""
_UNJUDGED = "e.anomaly_judged_at IS NULL AND (e.end_date >= %(since)s OR e.anomaly_flags IS NOT NULL)"
_OF_PIPELINES = " AND p.pipeline_id = ANY(%(pipeline_ids)s)"


def cases(
    db: sa.Connection,
    *,
    since: datetime,
    pipeline_ids: Collection[str] | None,
    execution_ids: Collection[int] | None,
    latest: bool,
) -> Generator[AnomalyCase]:
    """Each active rule with the runs it is to judge; holds a few hundred rules' runs in memory at a time."""
    chosen = _LATEST.format(comparable=_comparable("l")) if latest else _UNJUDGED
    if execution_ids is not None:
        chosen = _EXECUTIONS
    if pipeline_ids is not None:
        chosen += _OF_PIPELINES
    query = _QUERY.format(chosen=chosen, metric=_METRIC, comparable=_comparable("e"))
    parameters = {
        "since": since,
        "execution_ids": None if execution_ids is None else list(execution_ids),
        "pipeline_ids": None if pipeline_ids is None else list(pipeline_ids),
    }
    raw: Any = db.connection.driver_connection
    session: psycopg.Connection[Any] = raw
    with session.cursor("observe_anomalies", row_factory=dict_row) as cursor:
        for oid in _ARRAY_OIDS:
            cursor.adapters.register_loader(oid, _Raw)
        cursor.itersize = _RULES_AT_A_TIME
        cursor.execute(query.encode(), parameters, binary=True)
        for row in cursor:
            yield _case(row)


class _Raw(Loader):
    """Leave a binary array as the bytes that the server sent, for numpy to read."""

    format = pq.Format.BINARY

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def _comparable(execution: str) -> str:
    """Runs that cover alike much: the scheduled ones where there is a schedule, else those that were asked for."""
    kind = "CASE WHEN p.config #>> '{schedule,type}' = 'on_demand' THEN 'manual' ELSE 'scheduled' END"
    return f"(NOT p.managed OR {execution}.type = {kind})"


def _case(row: dict[str, Any]) -> AnomalyCase:
    import numpy as np

    flags = _array(row["flags"], ">i2")
    return AnomalyCase(
        pipeline_id=row["pipeline_id"],
        name=row["name"],
        asset=asset_of(row),
        rule=RuleRow(active=True, **{name: row[name] for name in RuleRow.__slots__ if name != "active"}),
        to_judge=frozenset(int(number) for number in _array(row["to_judge"], ">i8")),
        execution_ids=_array(row["ids"], ">i8").astype(np.int64),
        at=_array(row["starts"], ">i8").astype(np.int64) + _MICROSECONDS_FROM_1970_TO_2000,
        values=_array(row["metrics"], ">f8").astype(np.float64),
        flagged=flags == 1,
        unflagged=flags == 2,
    )


def _array(data: bytes, dtype: str) -> "npt.NDArray[np.generic]":
    """Read a one-dimensional array without nulls: a header, then each element with its length before it."""
    import numpy as np

    element = np.dtype([("length", ">i4"), ("value", dtype)])
    return np.frombuffer(data, dtype=element, offset=_ARRAY_HEADER.size)["value"]
