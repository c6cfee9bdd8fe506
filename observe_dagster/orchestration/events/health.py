"""Dagster's events and ticks as health events of assets, jobs, sensors and schedules, for alerts."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import dagster as dg

from observe_dagster.alerts.events import AUTOMATION, FAULT, RUN, HealthEvent
from observe_dagster.config import redact, secrets_of
from observe_dagster.config.models.alerts import secrets_of_channel
from observe_dagster.config.project import Project
from observe_dagster.ledger import Alert, FaultedResource
from observe_dagster.orchestration.instance.dagster_private import (
    InstigatorState,
    InstigatorStatus,
    InstigatorTick,
    InstigatorType,
    TickStatus,
)
from observe_dagster.orchestration.translator.keys import (
    KIND_KEY,
    PIPELINE_KEY,
    PIPELINE_TAG,
    STATUS_KEY,
    destination_key,
    group_name,
)
from observe_dagster.records import Status

FOLLOWED = (
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_SUCCESS,
)
_OF_A_RUN = {
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
}
_WILL_RETRY = "dagster/will_retry"
_NUMBERS = {"value": "value", "expected": "expected", "lower": "lower_bound", "upper": "upper_bound"}
_SWITCHED_ON = {InstigatorStatus.RUNNING, InstigatorStatus.DECLARED_IN_CODE}
_RUN_EVENT_WITHIN = timedelta(minutes=2)


class HealthEventReader:
    """Turns events and ticks into health events, with the owners, tags and pages of their assets."""

    def __init__(
        self, instance: dg.DagsterInstance, project: Project, repository: dg.RepositoryDefinition | None
    ) -> None:
        self._instance, self._project = instance, project
        self._graph = repository.asset_graph if repository is not None else None
        self._pipelines = {destination_key(pipeline): pipeline for pipeline in project.pipelines}
        secrets = [secret for connection in project.connections for secret in secrets_of(connection)]
        secrets.extend(secret for channel in project.alerting.channels for secret in secrets_of_channel(channel))
        self._secrets = tuple(secrets)

    def verdicts(self, record: dg.EventLogRecord) -> Iterator[HealthEvent]:
        """The health events of one record of the event log."""
        entry, at = record.event_log_entry, datetime.fromtimestamp(record.timestamp, UTC)
        evaluation, materialization = entry.asset_check_evaluation, entry.asset_materialization
        kind = entry.get_dagster_event().event_type
        if evaluation is not None:
            yield self._evaluated(evaluation, at, entry.run_id)
        elif materialization is not None:
            yield self._about(materialization.asset_key, RUN, RUN, Status.PASS, at=at, notify_each=True)
        elif kind is dg.DagsterEventType.RUN_SUCCESS:
            yield HealthEvent(subject=_job(entry.job_name), check=RUN, kind=RUN, status=Status.PASS, at=at)
        elif kind is dg.DagsterEventType.RUN_FAILURE:
            yield from self._failed(entry, at)

    def faults(
        self, faults: Iterable[FaultedResource], alerts: Iterable[Alert], *, now: datetime
    ) -> Iterator[HealthEvent]:
        """The resources that the ledger has as faulted, except those whose failed run is alerted about."""
        keys = {pipeline.id: key for key, pipeline in self._pipelines.items()}
        open_alerts = {alert.key for alert in alerts}
        for fault in faults:
            key = keys.get(fault.id) if fault.kind == "pipeline" else None
            subject = f"{fault.kind}:{fault.id}"
            by_run = fault.failed_by_run_at is not None and (
                now - fault.failed_by_run_at < _RUN_EVENT_WITHIN
                or (key is not None and (key.to_user_string(), RUN) in open_alerts)
            )
            if by_run and (subject, FAULT) not in open_alerts:
                continue
            place: dict[str, Any] = {} if key is None else self._asset_details(key)
            reason = self._redacted(_line(" ".join(fault.errors)))
            yield HealthEvent(
                subject=subject, check=FAULT, kind=FAULT, status=Status.FAIL, at=now, reason=reason, **place
            )

    def ticks(self, *, since: datetime) -> list[HealthEvent]:
        """The sensors and schedules that are switched on and whose latest tick failed."""
        states = {
            state.selector_id: state
            for state in self._instance.all_instigator_state(instigator_statuses=_SWITCHED_ON)
            if state.instigator_type in (InstigatorType.SENSOR, InstigatorType.SCHEDULE)
        }
        if not states:
            return []
        # The newest may still be going on. Asking for those that ended fails in Dagster with SQLAlchemy 2.1.
        newest = self._instance.get_batch_ticks(list(states), limit=2)
        ended = {
            selector_id: next((tick for tick in ticks if tick.status is not TickStatus.STARTED), None)
            for selector_id, ticks in newest.items()
        }
        return [
            self._tick_failed(states[selector_id], tick)
            for selector_id, tick in ended.items()
            if tick is not None and tick.is_failure and tick.timestamp >= since.timestamp()
        ]

    def _evaluated(self, evaluation: dg.AssetCheckEvaluation, at: datetime, run_id: str) -> HealthEvent:
        metadata = {name: value.value for name, value in evaluation.metadata.items()}
        status = metadata.get(STATUS_KEY)
        if status not in list(Status):
            failed = Status.WARN if evaluation.severity is dg.AssetCheckSeverity.WARN else Status.FAIL
            status = Status.PASS if evaluation.passed else failed
        return self._about(
            evaluation.asset_key,
            evaluation.check_name,
            str(metadata.get(KIND_KEY, "check")),
            Status(status),
            at=at,
            reason=self._redacted(evaluation.description or ""),
            severity="warn" if evaluation.severity is dg.AssetCheckSeverity.WARN else "error",
            pipeline_id=metadata.get(PIPELINE_KEY),
            run_id=run_id or None,
            page=f"{_asset_page(evaluation.asset_key)}?view=checks&checkDetail={quote(evaluation.check_name)}",
            **{name: _number(metadata, key) for name, key in _NUMBERS.items()},
        )

    def _failed(self, entry: dg.EventLogEntry, at: datetime) -> Iterator[HealthEvent]:
        run = self._instance.get_run_by_id(entry.run_id)
        tags = run.tags if run is not None else {}
        if tags.get(_WILL_RETRY) == "true":
            return
        assets, checks = self._not_materialized(entry.run_id, run)
        event = entry.get_dagster_event()
        error = event.job_failure_data.error
        line = _error_line(error) if error is not None else _line(event.message or "The run failed.")
        facts: dict[str, Any] = {"at": at, "reason": self._redacted(line), "run_id": entry.run_id, "notify_each": True}
        pipeline_id = tags.get(PIPELINE_TAG) if len(assets) == 1 else None
        for key in assets:
            yield self._about(key, RUN, RUN, Status.FAIL, pipeline_id=pipeline_id, **facts)
        for check in checks:
            page = f"{_asset_page(check.asset_key)}?view=checks&checkDetail={quote(check.name)}"
            yield self._about(
                check.asset_key, check.name, "check", Status.ERROR, page=page, **{**facts, "notify_each": False}
            )
        if not assets and not checks:
            yield HealthEvent(subject=_job(entry.job_name), check=RUN, kind=RUN, status=Status.FAIL, **facts)

    def _not_materialized(
        self, run_id: str, run: dg.DagsterRun | None
    ) -> tuple[list[dg.AssetKey], list[dg.AssetCheckKey]]:
        """The assets that the failing steps should have made; the checks of steps that make no asset.

        A run that ended outside of its steps failed for everything that it had not made.
        """
        assets: dict[dg.AssetKey, str | None] = dict.fromkeys((run.asset_selection if run else None) or ())
        checks: dict[dg.AssetCheckKey, str | None] = {}
        failed: set[str | None] = set()
        made: set[object] = set()
        for entry in self._instance.all_logs(run_id, of_type=_OF_A_RUN):
            event = entry.get_dagster_event()
            if event.event_type is dg.DagsterEventType.STEP_FAILURE:
                failed.add(event.step_key)
            elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
                checks[event.asset_check_planned_data.asset_check_key] = event.step_key
            elif entry.asset_check_evaluation is not None:
                made.add(entry.asset_check_evaluation.asset_check_key)
            elif event.asset_key is not None and event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
                made.add(event.asset_key)
            elif event.asset_key is not None:
                assets[event.asset_key] = event.step_key
        affected = [key for key, step in assets.items() if not failed or step in failed]
        unmade = [key for key in affected if key not in made] or affected
        steps = set(assets.values())
        broken = [key for key, step in checks.items() if step in failed and step not in steps and key not in made]
        return unmade, broken

    def _tick_failed(self, state: InstigatorState, tick: InstigatorTick) -> HealthEvent:
        kind = "sensor" if state.instigator_type is InstigatorType.SENSOR else "schedule"
        repository = state.origin.repository_origin
        location = repository.code_location_origin.location_name
        name = state.origin.instigator_name
        place = f"{quote(repository.repository_name)}@{quote(location, safe='')}"
        error = tick.error
        return HealthEvent(
            subject=f"{kind}:{name}@{location}",
            check=AUTOMATION,
            kind=AUTOMATION,
            status=Status.FAIL,
            at=datetime.fromtimestamp(tick.end_timestamp or tick.timestamp, UTC),
            reason=self._redacted(_error_line(error) if error is not None else "The tick failed."),
            page=f"/locations/{place}/{kind}s/{quote(name)}",
        )

    def _about(self, key: dg.AssetKey, check: str, kind: str, status: Status, **facts: Any) -> HealthEvent:
        place = self._asset_details(key)
        facts = place | {name: value for name, value in facts.items() if value is not None}
        return HealthEvent(subject=key.to_user_string(), check=check, kind=kind, status=status, **facts)

    def _asset_details(self, key: dg.AssetKey) -> dict[str, Any]:
        place: dict[str, Any] = {"asset": tuple(key.path), "page": _asset_page(key)}
        pipeline = self._pipelines.get(key)
        if pipeline is not None:
            place |= {"owners": tuple(pipeline.owners), "tags": dict(pipeline.tags), "group": group_name(pipeline)}
            place["pipeline_id"] = pipeline.id
        if self._graph is not None and self._graph.has(key):
            node = self._graph.get(key)
            place |= {"owners": tuple(node.owners), "tags": dict(node.tags), "group": node.group_name}
        return place

    def _redacted(self, text: str) -> str:
        return redact(text, self._secrets)


def _asset_page(key: dg.AssetKey) -> str:
    return "/assets/" + "/".join(quote(part, safe="") for part in key.path)


def _job(name: str | None) -> str:
    return f"job:{name or 'unknown'}"


def _number(metadata: Mapping[str, Any], name: str) -> float | None:
    for key in (f"observe/{name}", f"observe/{name}_seconds"):
        value = metadata.get(key)
        if isinstance(value, int | float):
            return float(value)
    return None


def _error_line(error: Any) -> str:
    """The first line of the innermost cause, with the error's own name and not its module's."""
    while error.cause is not None:
        error = error.cause
    line = _line(error.message)
    name, separator, rest = line.partition(": ")
    return f"{name.rpartition('.')[2]}{separator}{rest}" if " " not in name else line


def _line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
