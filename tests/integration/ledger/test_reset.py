"""A pipeline that is forgotten is as if it had just been declared; the others are as they were."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from observe_dagster.ledger import Alert, ExecutionRow, Ledger, NewPublication
from observe_dagster.records import Counts, Status
from tests.integration.ledger.declared_project import NOW
from tests.integration.ledger.judged import verdict

LATER = NOW + timedelta(days=1)
ASSET = "lake/analytics/flights"


def alert(subject: str) -> Alert:
    return Alert(
        subject=subject, check_name="columns", severity="error", description="x", opened_at=NOW, last_seen_at=NOW
    )


def test_nothing_is_left_of_what_it_did_and_all_of_what_others_did(
    declared: Ledger, start: Callable[..., ExecutionRow], query: Callable[..., list[tuple[Any, ...]]]
) -> None:
    for pipeline_id in ("flights-hourly", "flights-daily"):
        start(pipeline_id, pipeline_id=pipeline_id)
        declared.executions.succeed(
            pipeline_id, ended_at=NOW + timedelta(minutes=1), counts=Counts(inserts=1, total_rows=1), watermark="10"
        )
    number = declared.executions.by_key("flights-hourly").id
    declared.declared.fault_pipeline("flights-hourly", ["It broke."])
    declared.declared.pause("flights-hourly")
    declared.checks.record_results(
        [
            verdict("anomaly", Status.FAIL, execution_id=number),
            verdict("timeliness", Status.FAIL, execution_id=number),
            verdict("freshness", Status.FAIL),
            verdict("metric", Status.PASS),
        ]
    )
    declared.alerts.add(alert(ASSET))
    declared.alerts.add(alert("lake/analytics/weather"))

    declared.reset_pipelines(["flights-hourly"], [ASSET], now=LATER)

    assert declared.checks.statuses() == []
    assert query("SELECT count(*) FROM observe.check_result") == [(0,)]
    assert query("SELECT execution_key FROM observe.pipeline_execution") == [("flights-daily",)]
    assert [left.subject for left in declared.alerts.open()] == ["lake/analytics/weather"]
    forgotten, other = declared.declared.pipeline("flights-hourly"), declared.declared.pipeline("flights-daily")
    assert (forgotten.created_at, forgotten.watermark, forgotten.errors) == (LATER, None, ())
    assert (other.created_at, other.watermark) == (NOW, "10")
    columns = "last_target_insert, last_target_update, last_target_soft_delete, paused_by_user, status, updated_at"
    assert query(f"SELECT {columns} FROM observe.pipeline WHERE pipeline_id = 'flights-hourly'") == [
        (None, None, None, False, "idle", None)
    ]
    fresh = {standing.pipeline_id: standing.last_insert for standing in declared.checks.timing_inputs(now=LATER)}
    assert fresh["flights-hourly"] is None


def test_publications_about_some_things_are_forgotten_and_no_others(
    ledger: Ledger, query: Callable[..., list[tuple[Any, ...]]]
) -> None:
    for key in ("lake/flights", "lineage:lake/flights", "lake/weather"):
        item = NewPublication(publisher="monte_carlo", kind="table_metadata", ordering_key=key, record={})
        ledger.outbox.enqueue(item, now=NOW)

    ledger.outbox.delete(["lake/flights", "lineage:lake/flights"])

    assert query("SELECT ordering_key FROM observe.publication") == [("lake/weather",)]
