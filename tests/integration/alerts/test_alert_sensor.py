"""Through a Dagster instance to a receiver: what fails is told once, again after a while, and when it is over."""

import dagster as dg
import pytest
from inline_snapshot import snapshot

from observe_dagster.config.project import Project
from observe_dagster.errors import LedgerError
from observe_dagster.orchestration.sensors.alerts import alert_sensor
from observe_dagster.orchestration.sensors.publishers import BATCH
from observe_dagster.settings import Settings
from tests.integration.ledger.declared_project import project as declared_project


def test_without_channels_there_is_no_sensor():
    assert alert_sensor(Project()) is None


def test_a_failing_check_is_told_once_and_once_more_when_it_recovers(watch):
    watch.evaluate(passed=False)

    said = [watch.tick(), watch.tick()]
    watch.evaluate(passed=False)
    said.append(watch.tick())
    watch.evaluate(passed=True)
    said.extend([watch.tick(), watch.tick()])

    assert said == snapshot(
        [
            "1 opened, 0 resolved; 1 enqueued, 1 sent (1 message), 0 pending.",
            "0 opened, 0 resolved; 0 enqueued, 0 sent, 0 pending.",
            "0 opened, 0 resolved; 0 enqueued, 0 sent, 0 pending.",
            "0 opened, 1 resolved; 1 enqueued, 1 sent (1 message), 0 pending.",
            "0 opened, 0 resolved; 0 enqueued, 0 sent, 0 pending.",
        ]
    )
    assert watch.texts[0] == snapshot("""\
orders: amounts_are_positive fails

orders: amounts_are_positive fails
3 rows are below 0.
team:sales · since 2024-03-01 12:00 UTC
Check: http://dagster.example:3000/assets/orders?view=checks&checkDetail=amounts_are_positive\
""")
    assert [title.partition(" after ")[0] for title in watch.titles[1:]] == snapshot(
        ["orders: amounts_are_positive recovered"]
    )
    assert [message["type"] for message in watch.receiver.messages] == ["failure", "success"]


def test_a_check_that_still_fails_is_repeated_when_it_is_time(watch):
    watch.declare(repeat_every="2h")
    watch.evaluate(passed=False)
    watch.tick()

    for hours in (1, 2, 3, 4):
        watch.later(hours=hours)
        watch.tick()

    assert watch.titles == snapshot(
        [
            "orders: amounts_are_positive fails",
            "orders: amounts_are_positive still fails",
            "orders: amounts_are_positive still fails",
        ]
    )


def test_a_backlog_of_several_batches_is_followed_in_one_tick(watch):
    for _ in range(BATCH + 5):
        watch.evaluate(passed=True)
    watch.evaluate(passed=False)

    watch.tick()

    assert len(watch.titles) == 1


def test_what_our_own_checks_say_is_understood(watch):
    watch.evaluate(
        passed=False,
        check="freshness",
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "observe/status": "warn",
            "observe/kind": "freshness",
            "observe/value_seconds": 93_600.0,
            "observe/upper_bound_seconds": 86_400.0,
        },
    )

    watch.tick()

    assert watch.texts == snapshot(
        [
            """\
orders: freshness warns

orders: freshness warns
3 rows are below 0.
1 d 2 h, expected at most 1 d · team:sales · since 2024-03-01 12:00 UTC
Check: http://dagster.example:3000/assets/orders?view=checks&checkDetail=freshness\
"""
        ]
    )
    assert watch.receiver.messages[0]["type"] == "warning"


@pytest.mark.parametrize("status", ["learning", "skipped"])
def test_a_check_that_was_not_judged_neither_opens_nor_resolves(watch, status):
    watch.evaluate(passed=True, metadata={"observe/status": status})
    watch.tick()
    watch.evaluate(passed=False)
    watch.evaluate(passed=True, metadata={"observe/status": status})
    watch.tick()

    assert watch.titles == ["orders: amounts_are_positive fails"]


def test_each_failed_run_is_told_once_and_one_success_resolves_them(watch):
    watch.run(fail=True)
    watch.tick()
    watch.tick()
    watch.run(fail=True)
    watch.tick()
    watch.later(days=2)
    watch.tick()
    watch.run(fail=False)
    watch.tick()

    assert watch.texts[0] == snapshot("""\
orders: run failed

orders: run failed
ValueError: the source is gone
team:sales · since 2024-03-01 12:00 UTC
Run: http://dagster.example:3000/runs/RUN
Asset: http://dagster.example:3000/assets/orders\
""")
    assert [title.partition(" after ")[0] for title in watch.titles] == snapshot(
        ["orders: run failed", "orders: run failed again", "orders recovered"]
    )


def test_a_run_that_dagster_will_retry_is_not_told(watch):
    watch.run(fail=True, tags={"dagster/will_retry": "true"})
    watch.tick()
    assert watch.titles == []

    watch.run(fail=True, tags={"dagster/will_retry": "false"})
    watch.tick()
    assert watch.titles == ["orders: run failed"]


def test_a_failed_job_without_assets_is_told_and_resolved(watch):
    watch.run_job(fail=True)
    watch.tick()
    watch.run_job(fail=False)
    watch.tick()

    assert watch.texts[0] == snapshot("""\
job:nightly: run failed

job:nightly: run failed
RuntimeError: disk full
since 2024-03-01 12:00 UTC
Run: http://dagster.example:3000/runs/RUN\
""")
    assert watch.titles[1].startswith("job:nightly recovered after ")


def test_a_check_that_breaks_in_its_own_step_could_not_be_judged(watch):
    @dg.asset_check(asset="orders", name="broken")
    def broken() -> dg.AssetCheckResult:
        raise LookupError("no such table")

    job = dg.Definitions(
        asset_checks=[broken], jobs=[dg.define_asset_job("checking", selection=dg.AssetSelection.checks(broken))]
    ).resolve_job_def("checking")
    job.execute_in_process(instance=watch.instance, raise_on_error=False)
    watch.tick()

    assert watch.texts == snapshot(
        [
            """\
orders: broken could not be judged

orders: broken could not be judged
LookupError: no such table
team:sales · since 2024-03-01 12:00 UTC
Run: http://dagster.example:3000/runs/RUN
Check: http://dagster.example:3000/assets/orders?view=checks&checkDetail=broken\
"""
        ]
    )


def test_a_faulted_connection_and_pipeline_are_told_until_they_are_mended(watch):
    parts = declared_project()
    watch.declare(project=parts)
    watch.ledger.declared.fault_connection("ops", ["Connection 'ops': no password"])
    watch.ledger.declared.fault_pipeline("flights-daily", ["read 12 rows, at most 10 are allowed"])
    watch.tick()
    watch.ledger.declared.clear_connection_fault("ops")
    watch.ledger.declared.clear_pipeline_fault("flights-daily")
    watch.tick()
    watch.tick()

    assert watch.texts[0] == snapshot("""\
2 new alerts

pipeline:flights-daily is faulted
read 12 rows, at most 10 are allowed
since 2024-03-01 12:00 UTC
Asset: http://dagster.example:3000/assets/lake/analytics/flights

connection:ops is faulted
Connection 'ops': no password
since 2024-03-01 12:00 UTC\
""")
    assert watch.titles[1:] == snapshot(["2 resolved alerts"])


def test_a_failing_sensor_is_told_until_a_tick_of_it_succeeds(watch):
    watch.instigator_ticked("push_events", "FAILURE")
    watch.tick()
    watch.tick()
    watch.instigator_ticked("push_events", "SKIPPED")
    watch.tick()

    assert watch.texts[0] == snapshot("""\
sensor:push_events@elsewhere fails

sensor:push_events@elsewhere fails
ValueError: no token
since 2024-03-01 12:00 UTC
Ticks: http://dagster.example:3000/locations/__repository__@elsewhere/sensors/push_events\
""")
    assert [title.partition(" after ")[0] for title in watch.titles[1:]] == snapshot(
        ["sensor:push_events@elsewhere recovered"]
    )


def test_routes_follow_what_dagster_knows_of_an_asset(watch):
    channels = [{"id": name, "url": watch.receiver.url(name)} for name in ("sales", "gold", "rest", "pager")]
    watch.declare(
        channels=channels,
        routes=[
            {"owner": "team:sales", "severity": "error", "kind": "run", "channels": ["sales", "pager"]},
            {"tags": {"tier": "gold"}, "group": "sales", "channels": "gold"},
        ],
        default="rest",
    )
    watch.run(fail=True)
    watch.evaluate(passed=False)
    watch.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(asset_key=dg.AssetKey("events"), check_name="seen", passed=False)
    )
    watch.tick()
    watch.run(fail=False)
    watch.tick()

    assert sorted(watch.receiver.paths) == snapshot(["/gold", "/pager", "/pager", "/rest", "/sales", "/sales"])


def test_an_unreachable_ledger_fails_the_tick_and_loses_nothing(watch):
    watch.evaluate(passed=False)
    process = watch.process(
        Settings(home=watch.settings.home, defs=watch.settings.defs, database_url="postgresql://u:pw@127.0.0.1:1/x")
    )

    with pytest.raises(LedgerError):
        watch.tick(process)
    watch.tick()

    assert len(watch.titles) == 1
