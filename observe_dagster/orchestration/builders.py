"""Checks and alerts for assets defined elsewhere: dbt models, plain `@asset`s, external assets that something reports.

Build the checks, and one sensor over all of them: it records the assets' executions from Dagster's event log, judges
them and reports the results, as for pipelines. All of it needs the resource `observe`.
"""

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
from pydantic import Field, ValidationError

from observe_dagster.config.documents.document import Document
from observe_dagster.config.documents.problems import problems_of
from observe_dagster.config.loader import project_from_attributes
from observe_dagster.config.models.base import Declared
from observe_dagster.config.models.check_names import FRESHNESS, TIMELINESS, anomaly_check_name
from observe_dagster.config.models.pipeline import AnomalyDetectionRule, AnomalyMethod, Datepart, Expectations
from observe_dagster.errors import Problem, SpecError
from observe_dagster.orchestration.checks.status import judge_and_report
from observe_dagster.orchestration.checks.watched.evaluate import evaluate_watched
from observe_dagster.orchestration.checks.watched.expectations import AssetExpectations, Watched, watched_ids
from observe_dagster.orchestration.checks.watched.recorder import ExecutionRecorder
from observe_dagster.orchestration.checks.watched.selection import Assets, digest, keys_of
from observe_dagster.orchestration.events.follower import SETTLE
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.sensors.alerts import alert_sensor
from observe_dagster.orchestration.translator.keys import KIND_KEY
from observe_dagster.settings import Settings

_WATCH_KEY = "observe/watch"
_SECONDS_BETWEEN_TICKS = 60
_SECONDS_TO_RECORD, _SECONDS_PER_TICK = 25.0, 40.0
_Model = TypeVar("_Model", bound=Declared)


class _Allowance(Declared):
    number: int = Field(ge=1)
    datepart: Datepart


def observe_resource(
    alerts: Mapping[str, Any] | None = None,
    *,
    settings: Settings | None = None,
    environment: Mapping[str, str] | None = None,
) -> ObserveResource:
    """Make the resource `observe` of a code location that declares no pipelines; `alerts` is as in YAML.

    Settings come from the environment. What other code locations declare in the same ledger stays as it is. Raises
    SpecError with everything that is wrong with `alerts`.

    Example:
        >>> observe_resource(alerts={"channels": [{"id": "team", "url": "{{ env.TEAM_URL }}"}]})
    """
    environment = os.environ if environment is None else environment
    settings = settings or Settings.from_environment(environment)
    project = project_from_attributes(
        {} if alerts is None else {"alerts": alerts},
        source="observe_resource",
        base_dir=settings.home,
        environment=environment,
    )
    return ObserveResource(project, settings, declares=False)


def build_freshness_checks(assets: Assets, *, number: int, datepart: Datepart) -> list[dg.AssetChecksDefinition]:
    """Expect each asset to be loaded within `number` dateparts, from minute to year.

    Example:
        >>> build_freshness_checks([orders], number=24, datepart="hour")
    """
    return _allowance_checks(assets, FRESHNESS, number, datepart, "Rows must have arrived within")


def build_timeliness_checks(assets: Assets, *, number: int, datepart: Datepart) -> list[dg.AssetChecksDefinition]:
    """Expect each execution of an asset to take no longer than `number` dateparts.

    Example:
        >>> build_timeliness_checks([orders], number=30, datepart="minute")
    """
    return _allowance_checks(assets, TIMELINESS, number, datepart, "An execution must end within")


def build_anomaly_checks(
    assets: Assets,
    *,
    metric_field: str,
    method: AnomalyMethod = "robust",
    z_threshold: float | None = None,
    lookback_days: int | None = None,
    minimum_executions: int | None = None,
) -> list[dg.AssetChecksDefinition]:
    """Expect a metric of each asset's executions to be as earlier ones let expect.

    `metric_field` is `duration_seconds`, `total_rows`, `throughput`, or the key of any numeric metadata; the others
    are those of an anomaly detection rule in YAML, with the same defaults.

    Example:
        >>> build_anomaly_checks([orders], metric_field="total_rows", lookback_days=60)
    """
    source = "build_anomaly_checks"
    limits = {"z_threshold": z_threshold, "lookback_days": lookback_days, "minimum_executions": minimum_executions}
    limits = {name: value for name, value in limits.items() if value is not None}
    rule = _valid(AnomalyDetectionRule, source, metric_field=metric_field, method=method, **limits)
    description = f"`{metric_field}` of an execution must be as earlier ones let expect (method `{method}`)."
    expected = AssetExpectations(rules=(rule,))
    return _checks(keys_of(assets, source), anomaly_check_name(metric_field), "anomaly", description, expected)


def build_watch_sensor(
    checks: Sequence[dg.AssetChecksDefinition], *, name: str = "watched_assets", settle_time: timedelta = SETTLE
) -> dg.SensorDefinition:
    """Make the sensor that records the executions of the checks' assets, judges them in a few queries, and reports.

    All checks of an asset belong to one sensor. Events younger than `settle` wait for the next tick.

    Example:
        >>> build_watch_sensor([*build_freshness_checks([orders], number=1, datepart="day")])
    """
    watched = _expectations(checks)
    known = {(tuple(key.path), each) for key, expected in watched.items() for each in expected.check_names}

    @dg.sensor(
        name=name,
        minimum_interval_seconds=_SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Records the executions of {_count(len(watched), 'asset')} from the event log and judges them.",
    )
    def watch_assets(context: dg.SensorEvaluationContext, observe: dg.ResourceParam[ObserveResource]) -> dg.SkipReason:
        started = time.monotonic()
        recorder = ExecutionRecorder(context.instance, observe)
        batch = recorder.tick(context, watched, deadline=started + _SECONDS_TO_RECORD, settle_time=settle_time)
        ids = watched_ids(batch.backfilled | batch.unwatched)
        loaded = {tuple(key.path) for key in batch.loaded}
        until = started + _SECONDS_PER_TICK
        summary = judge_and_report(context.instance, observe, ids, known, deadline=until, loaded=loaded)
        pending = len(watched) - len(batch.backfilled)
        more = f" {_count(pending, 'asset')} not backfilled yet." if pending else ""
        return dg.SkipReason(f"Recorded {_count(batch.executions, 'execution')}. {summary}{more}")

    return watch_assets


def build_alert_sensor(observe: ObserveResource, *, settle_time: timedelta = SETTLE) -> dg.SensorDefinition:
    """Make the sensor that alerts about failing checks and runs of the whole Dagster instance.

    The channels are those of the `alerts` of `observe_resource`; raises SpecError when there are none. Events
    younger than `settle` wait for the next tick.

    Example:
        >>> build_alert_sensor(observe_resource(alerts={"channels": [{"id": "team", "url": "{{ env.TEAM_URL }}"}]}))
    """
    sensor = alert_sensor(observe.project, settle_time=settle_time)
    if sensor is None:
        message = "there is no channel; declare channels in observe_resource"
        raise SpecError([Problem(file="build_alert_sensor", path="alerts.channels", message=message)])
    return sensor


def _valid(model: type[_Model], source: str, **arguments: Any) -> _Model:
    """Validate the arguments of a builder; raises SpecError with every problem."""
    try:
        return model(**arguments)
    except ValidationError as error:
        document = Document(file=source, folder=Path(), attributes=arguments)
        raise SpecError(
            list(problems_of(error, model, document=document, base=(), raw=arguments, rendered=arguments))
        ) from None


def _allowance_checks(
    assets: Assets, name: str, number: int, datepart: Datepart, requirement: str
) -> list[dg.AssetChecksDefinition]:
    """The checks `freshness` or `timeliness`, whose kinds and expectations have the same name."""
    source = f"build_{name}_checks"
    allowed = _valid(_Allowance, source, number=number, datepart=datepart)
    limits: dict[str, Any] = {f"{name}_number": allowed.number, f"{name}_datepart": allowed.datepart}
    expected = AssetExpectations(expectations=Expectations(**limits))
    return _checks(keys_of(assets, source), name, name, f"{requirement} {_count(number, datepart)}.", expected)


def _checks(
    keys: Sequence[dg.AssetKey], name: str, kind: str, description: str, expected: AssetExpectations
) -> list[dg.AssetChecksDefinition]:
    """One step for all of them: a step for each would cost a process for each in runs of many assets."""
    if not keys:
        return []
    metadata = {KIND_KEY: kind, _WATCH_KEY: dg.MetadataValue.json(expected.as_json())}
    specs = [dg.AssetCheckSpec(name=name, asset=key, description=description, metadata=metadata) for key in keys]

    @dg.multi_asset_check(name=f"watch_{name}_{digest(keys)}", specs=specs, can_subset=True)
    def watch(
        context: dg.AssetCheckExecutionContext, observe: dg.ResourceParam[ObserveResource]
    ) -> Iterator[dg.AssetCheckResult]:
        yield from evaluate_watched(context, observe, dict.fromkeys(keys, expected))

    return [watch]


def _expectations(checks: Iterable[dg.AssetChecksDefinition]) -> Watched:
    """What several checks expect of each asset; raises TypeError for a check that no builder made."""
    expected: dict[dg.AssetKey, AssetExpectations] = {}
    for spec in (spec for definition in checks for spec in definition.check_specs):
        value = (spec.metadata or {}).get(_WATCH_KEY)
        if not isinstance(value, dg.JsonMetadataValue) or not isinstance(value.data, dict):
            makers = "build_freshness_checks, build_timeliness_checks or build_anomaly_checks"
            raise TypeError(f"the check {spec.name} was not made by {makers}")
        earlier = expected.get(spec.asset_key, AssetExpectations())
        expected[spec.asset_key] = earlier + AssetExpectations.of_json(value.data)
    return expected


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
