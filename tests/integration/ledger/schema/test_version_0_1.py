"""A ledger that version 0.1 filled is upgraded with everything in it, and work on it goes on."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

from observe_dagster.alerts import HealthEvent, ProcessedEvents, process_events
from observe_dagster.config.models.alerts import Alerting
from observe_dagster.ledger import Ledger, Publication, downgrade, migrate
from observe_dagster.ledger.database import open_engine
from observe_dagster.ledger.schema.columns import metadata
from observe_dagster.ledger.schema.migrate import migration_options
from observe_dagster.records import Counts, RunStatus, Status
from tests.integration.ledger.declared_project import NOW, pipeline, project
from tests.integration.ledger.judged import ASSET, verdict

LEASE = MINUTE = timedelta(minutes=1)
LATER = NOW + timedelta(hours=3)
ALERTING = Alerting.model_validate(
    {"channels": [{"id": "team", "url": "json://example.org/alerts"}], "routes": [{"channels": "team"}]}
)


@pytest.fixture
def old_url(database: str) -> str:
    """A database at revision 0007 with what version 0.1 wrote."""
    engine = open_engine(database)
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema("observe"))
        config = Config()
        config.set_main_option("script_location", str(files("observe_dagster.ledger.schema") / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0007")
    engine.dispose()
    with psycopg.connect(database) as connection:
        connection.execute((Path(__file__).parent / "version_0_1.sql").read_bytes())
    return database


@pytest.fixture
def upgraded(old_url: str) -> Iterator[Ledger]:
    """The ledger after its upgrade."""
    migrate(old_url)
    with Ledger.open(old_url) as ledger:
        yield ledger


def rows_of(url: str) -> dict[str, list[Any]]:
    """Every row of every table, by table."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'observe' ORDER BY 1"
        ).fetchall()
        return {
            name: connection.execute(f"SELECT t::text FROM observe.{name} t ORDER BY 1".encode()).fetchall()
            for (name,) in names
        }


def names_of(url: str) -> list[Any]:
    """The names of all columns, constraints and indexes."""
    with psycopg.connect(url) as connection:
        return connection.execute("""
            SELECT 'column', table_name, column_name FROM information_schema.columns WHERE table_schema = 'observe'
            UNION ALL SELECT 'constraint', conrelid::regclass::text, conname FROM pg_constraint
                WHERE connamespace = 'observe'::regnamespace AND contype <> 'n'
            UNION ALL SELECT 'index', tablename, indexname FROM pg_indexes WHERE schemaname = 'observe' ORDER BY 1, 2, 3
        """).fetchall()


def numbers(items: list[Publication]) -> list[int]:
    return [item.record["number"] for item in items]


def test_the_upgraded_schema_does_not_differ_from_the_tables_nor_from_a_new_one(
    old_url: str, make_database: Callable[[], str]
) -> None:
    migrate(old_url)
    engine = open_engine(old_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=migration_options())
        assert compare_metadata(context, metadata) == []
    engine.dispose()
    new_url = make_database()
    migrate(new_url)
    assert names_of(old_url) == names_of(new_url)
    named = [name for _, _, name in names_of(old_url)]
    assert not [name for name in named if "standing" in name or "slug" in name]


def test_going_back_gives_the_old_names_and_every_row(old_url: str) -> None:
    names, rows = names_of(old_url), rows_of(old_url)
    migrate(old_url)
    downgrade(old_url, "0007")
    assert (names_of(old_url), rows_of(old_url)) == (names, rows)


def test_declared_things_are_unchanged_by_the_new_version(upgraded: Ledger) -> None:
    hourly = pipeline(anomaly_detection_rules=[{"metric_field": "total_rows"}])
    report = upgraded.declared.synchronise(
        project(pipelines=(hourly, pipeline(id="flights-daily", name="Flights, daily"))), now=LATER
    )
    assert (report.added, report.changed, report.deactivated) == ((), (), ())
    assert [row.pipeline_id for row in upgraded.declared.pipelines()] == ["flights-daily", "flights-hourly"]
    assert [(fault.kind, fault.id) for fault in upgraded.alerts.faults()] == [("pipeline", "flights-hourly")]


def test_executions_and_watermarks_go_on(upgraded: Ledger) -> None:
    executions = upgraded.executions
    first, second = executions.page("flights-hourly").items
    assert (first.counts, first.reached_watermark) == (Counts(inserts=3, total_rows=3), "10")
    assert (second.status, second.errors, second.retry_errors) == (RunStatus.FAILED, ("the disk was full",), ("busy",))
    assert [child.execution_key for child in executions.children(first.id)] == ["second"]
    assert executions.latest_successful_id("flights-hourly") == first.id
    assert executions.remote_runs("flights-hourly", "run_id") == {7: NOW}

    (running,) = executions.open()
    assert (running.pipeline_id, running.execution_key) == ("flights-daily", "open")
    executions.succeed("open", ended_at=LATER, counts=Counts(inserts=1, total_rows=1), watermark="10")

    daily, hourly = upgraded.declared.pipelines()
    assert (daily.watermark, daily.status) == ("10", "idle")
    assert (hourly.watermark, hourly.status, hourly.errors) == ("10", "faulted", ("the disk was full",))


def test_checks_keep_their_status_and_history_and_go_on(upgraded: Ledger) -> None:
    checks = upgraded.checks
    assert {each.check_name: each.status for each in checks.statuses(ASSET)} == dict.fromkeys(
        ("anomaly_total_rows", "freshness", "rows", "timeliness"), Status.FAIL
    )
    again = verdict("freshness", Status.FAIL, at=NOW + 3 * MINUTE)
    recovered = verdict("metric", Status.PASS, at=LATER, check_name="rows")
    checks.record_results([again, recovered])

    assert [each.status for each in checks.history(ASSET, "freshness")] == [Status.FAIL]
    assert [each.status for each in checks.history(ASSET, "rows")] == [Status.PASS, Status.FAIL, Status.PASS]
    since = {each.check_name: each.since for each in checks.statuses(ASSET)}
    assert (since["freshness"], since["rows"]) == (NOW + 2 * MINUTE, LATER)
    inputs = {each.pipeline_id: each for each in checks.timing_inputs(now=LATER)}
    assert inputs["flights-hourly"].freshness_status is Status.FAIL
    assert inputs["dbt/orders"].own.freshness_number == 1


def test_a_flagged_run_can_be_unflagged_and_is_judged_again(upgraded: Ledger) -> None:
    run = upgraded.executions.by_key("first")
    assert upgraded.checks.unflag("flights-hourly", run.id, ["total_rows"]) == ("total_rows",)
    assert upgraded.executions.get(run.id).anomaly_flags == {"total_rows": False}
    (result,) = upgraded.checks.history(ASSET, "anomaly_total_rows")
    assert not result.flagged


def test_open_alerts_are_not_opened_twice_and_resolved_once(upgraded: Ledger) -> None:
    rows = {"subject": "/".join(ASSET), "check": "rows", "kind": "metric", "asset": ASSET}
    tick = {"subject": "sensor:orders@shop", "check": "automation", "kind": "automation"}
    assert [alert.key for alert in upgraded.alerts.open()] == [
        (each["subject"], each["check"]) for each in (rows, tick)
    ]

    def after(minutes: int, status: Status) -> ProcessedEvents:
        at = NOW + minutes * MINUTE
        events = [HealthEvent(**each, status=status, at=at) for each in (rows, tick)]
        return process_events(upgraded, events, ALERTING, now=at, complete_kinds=("automation",))

    assert after(3, Status.FAIL) == ProcessedEvents()
    assert after(4, Status.PASS) == ProcessedEvents(resolved=2, messages=1)
    assert after(5, Status.PASS) == ProcessedEvents()
    assert {alert.status for alert in upgraded.alerts.recent(limit=9)} == {"resolved"}
    assert upgraded.outbox.counts("alerts") == {"pending": 3}


def test_pending_publications_are_claimed_in_their_order_and_dead_ones_again(upgraded: Ledger) -> None:
    outbox = upgraded.outbox
    assert outbox.publishers() == ["alerts", "datascale", "monte_carlo", "watcher"]

    def claim(publisher: str, minutes: int = 10) -> list[Publication]:
        return outbox.claim(publisher, limit=9, lease=LEASE, now=NOW + minutes * MINUTE)

    assert claim("datascale", minutes=1) == []
    assert [numbers(claim(publisher)) for publisher in ("datascale", "watcher")] == [[1], [6]]
    assert outbox.requeue("monte_carlo", now=NOW) == 1
    claimed: list[int] = []
    while items := claim("monte_carlo"):
        claimed.extend(numbers(items))
        assert outbox.all_sent(items, now=LATER) == len(items)
    assert claimed == [2, 3, 4, 5]
    assert outbox.receipt(publisher="monte_carlo", dedupe_key="lake/flights:1") == {
        "invocation_id": "abc",
        "status": 202,
    }


def test_watched_assets_lineage_and_rate_limits_are_still_there(upgraded: Ledger) -> None:
    (run,) = upgraded.executions.page("dbt/orders").items
    assert (run.counts, run.execution_metadata) == (Counts(total_rows=120), {"slots": 2.5})
    assert [rule.metric_field for rule in upgraded.checks.rules_of(["dbt/orders"])["dbt/orders"]] == ["bytes"]
    upstream = upgraded.lineage.upstream("lake.analytics.flights.id")
    assert [node.path[-1] for node in upstream.nodes] == ["flights", "orders"]
    limiter = upgraded.rate_limit("datascale:token", limit=2, window=5 * MINUTE)
    assert limiter.take(now=NOW + MINUTE) == 5 * MINUTE
