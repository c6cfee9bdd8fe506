"""What Dagster's daemon does between runs, done at the replay's own time: judge, run monitors, tell people."""

import time
from datetime import datetime, timedelta

import dagster as dg

from observe_dagster.demo.runs import ExampleRuns
from observe_dagster.demo.webhook import ReceivedMessage, Receiver
from observe_dagster.orchestration.checks.kinds import pipeline_check_specs
from observe_dagster.orchestration.checks.monitors import monitored_asset, run
from observe_dagster.orchestration.checks.results import check_evaluation
from observe_dagster.orchestration.checks.status import judge_and_report
from observe_dagster.orchestration.checks.unevaluated import Check
from observe_dagster.orchestration.sensors.alerts import alert_sensor
from observe_dagster.orchestration.translator.specs import TableKeys
from observe_dagster.records import Status

BAD = (Status.FAIL, Status.WARN, Status.ERROR)
_SECONDS_TO_JUDGE = 60.0
_MOST_RESULTS = 10_000


class DemoDaemon:
    """Judges and tells as the sensors and the monitors' schedules do, with the alerts going to a receiver."""

    def __init__(self, runs: ExampleRuns, receiver: Receiver) -> None:
        self._runs, self._observe, self._project = runs, runs.observe, runs.project
        self._receiver, self._cursor = receiver, None
        self._keys = TableKeys(self._project)
        self._pipeline_ids = [pipeline.id for pipeline in self._project.pipelines]
        self._known = {
            (pipeline.table_key, spec.name)
            for pipeline in self._project.pipelines
            for spec in pipeline_check_specs(pipeline, self._project)
        }
        # Nothing else writes events, so none has to settle before it is read.
        self._sensor = alert_sensor(self._project, settle_time=timedelta())

    def judge(self, at: datetime) -> None:
        """Judge freshness and timeliness at `at`, as the sensor does every minute."""
        self._runs.clock.set(at)
        deadline = time.monotonic() + _SECONDS_TO_JUDGE
        judge_and_report(self._runs.instance, self._observe, self._pipeline_ids, self._known, deadline=deadline)

    def monitor(self, slug: str, at: datetime | None) -> Check:
        """Run a monitor at `at`, or now, as its schedule does; answers which check it is."""
        if at is None:
            self._runs.clock.reset()
        else:
            self._runs.clock.set(at)
        declared = self._project.monitor(slug)
        result = run(self._observe, declared, monitored_asset(declared, self._project, self._keys))
        self._runs.instance.report_runless_asset_event(check_evaluation(result))
        return result.asset, result.check_name

    def monitors(self, at: datetime) -> None:
        """Run all monitors at `at`."""
        for declared in self._project.monitors:
            self.monitor(declared.slug, at)

    def tell(self) -> list[ReceivedMessage]:
        """Let the sensor tell what happened since the last time; answers the messages that arrived."""
        assert self._sensor is not None, "the example declares a channel"
        before = len(self._receiver.messages)
        with dg.build_sensor_context(
            instance=self._runs.instance,
            cursor=self._cursor,
            resources={"observe": self._observe},
            repository_def=self._runs.repository,
        ) as context:
            self._cursor = self._sensor.evaluate_tick(context).cursor
        return self._receiver.messages[before:]

    def failing(self) -> dict[Check, str]:
        """The checks that fail, warn or could not be judged, with what they say."""
        statuses = self._observe.ledger.checks.statuses()
        return {(check.asset, check.check_name): check.reason for check in statuses if check.status in BAD}

    def results(self) -> tuple[int, dict[Check, list[str]]]:
        """How many check results are on record, and by check the reasons of the bad ones."""
        checks, count, bad = self._observe.ledger.checks, 0, dict[Check, list[str]]()
        for check in checks.statuses():
            history = checks.history(check.asset, check.check_name, limit=_MOST_RESULTS)
            count += len(history)
            reasons = [result.reason for result in history if result.status in BAD]
            if reasons:
                bad[check.asset, check.check_name] = reasons
        return count, bad
