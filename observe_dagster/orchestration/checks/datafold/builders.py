"""Monitors at Datafold as checks of any asset, and the sensor that runs them after materializations.

The sensor never waits for a result: it starts a monitor in one tick and polls it in later ones.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import StrictInt, TypeAdapter, ValidationError

from observe_dagster.errors import ObserveError, Problem, PublishError, SpecError
from observe_dagster.orchestration.checks.datafold.follower import KIND, MonitorFollower, datafold_result
from observe_dagster.orchestration.checks.results import check_result
from observe_dagster.orchestration.checks.watched.selection import Assets, digest, keys_of
from observe_dagster.orchestration.events.follower import SETTLE
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.translator.keys import KIND_KEY
from observe_dagster.records import Outcome, Status

if TYPE_CHECKING:
    from observe_dagster.integrations.datafold.client import Datafold

NUMBER_KEY = "observe/datafold_monitor_id"
NO_KEY = "DATAFOLD_API_KEY is not set."

_SECONDS_BETWEEN_TICKS = 30
_SECONDS_PER_TICK = 20.0
"""With a last request that is tried again, a tick stays below the 60 seconds that Dagster grants it."""


def build_datafold_checks(assets: Assets, *, monitor_ids: Sequence[int]) -> list[dg.AssetChecksDefinition]:
    """Expect monitors at Datafold to pass for each asset; each is a check `datafold_<id>`.

    They run after each materialization with `build_datafold_sensor`, with the asset's own step, and by hand.

    Example:
        >>> build_datafold_checks([orders], monitor_ids=[501, 502])
    """
    source = "build_datafold_checks"
    keys, numbers = keys_of(assets, source), _numbers(monitor_ids, source)
    monitors = {dg.AssetCheckKey(key, f"datafold_{number}"): number for key in keys for number in numbers}
    if not monitors:
        return []
    specs = [
        dg.AssetCheckSpec(
            name=check.name,
            asset=check.asset_key,
            description=f"Monitor {number} must pass at Datafold.",
            metadata={KIND_KEY: KIND, NUMBER_KEY: dg.MetadataValue.int(number)},
        )
        for check, number in monitors.items()
    ]
    name = "_".join(["datafold", *map(str, numbers), digest(keys)])

    @dg.multi_asset_check(name=name, specs=specs, can_subset=True)
    def run_monitors(
        context: dg.AssetCheckExecutionContext, observe: dg.ResourceParam[ObserveResource]
    ) -> Iterator[dg.AssetCheckResult]:
        client = _open()
        try:
            for check in sorted(context.op_execution_context.selected_asset_check_keys):
                result = datafold_result(check, _run(client, check, monitors[check]), observe.clock())
                try:
                    observe.ledger.checks.record_results([result])
                except ObserveError as error:
                    context.log.warning(f"The ledger has no record of the result of {check.name}: {error}")
                yield check_result(result)
        finally:
            if client is not None:
                client.close()

    return [run_monitors]


def build_datafold_sensor(
    checks: Sequence[dg.AssetChecksDefinition], *, name: str = "datafold_monitors", settle_time: timedelta = SETTLE
) -> dg.SensorDefinition:
    """Make the sensor that runs the checks' monitors at Datafold after materializations and reports the verdicts.

    A materialization whose run has the check itself is left to that run. Events younger than `settle` wait for the
    next tick.

    Example:
        >>> build_datafold_sensor(build_datafold_checks([orders], monitor_ids=[501]))
    """
    monitors = _monitors_of(checks)

    @dg.sensor(
        name=name,
        minimum_interval_seconds=_SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Runs monitors at Datafold after materializations and reports their verdicts (DATAFOLD_API_KEY).",
    )
    def follow_monitors(
        context: dg.SensorEvaluationContext, observe: dg.ResourceParam[ObserveResource]
    ) -> dg.SkipReason:
        client = _open()
        if client is None:
            return dg.SkipReason(f"Datafold is off: {NO_KEY}")
        follower = MonitorFollower(context.instance, observe, client, monitors)
        try:
            summary = follower.tick(context, deadline=monotonic() + _SECONDS_PER_TICK, settle_time=settle_time)
        finally:
            client.close()
        return dg.SkipReason(summary)

    return follow_monitors


def _run(client: "Datafold | None", check: dg.AssetCheckKey, number: int) -> Outcome:
    from observe_dagster.integrations.datafold.polling import run_monitor

    if client is None:
        return Outcome(status=Status.ERROR, reason=NO_KEY)
    try:
        return run_monitor(client, str(number), number)
    except PublishError as error:
        return Outcome(status=Status.ERROR, reason=f"Monitor {number} of {check.asset_key.to_user_string()}: {error}")


def _open() -> "Datafold | None":
    from observe_dagster.integrations.datafold.client import Datafold
    from observe_dagster.integrations.datafold.settings import DatafoldSettings

    access = DatafoldSettings.from_environment()
    return None if access is None else Datafold(access)


def _numbers(monitor_ids: Sequence[int], source: str) -> list[int]:
    try:
        numbers = TypeAdapter(list[StrictInt]).validate_python(monitor_ids)
    except ValidationError:
        message = f"must be the numbers of monitors, such as [501], not {monitor_ids!r}"
        raise SpecError([Problem(file=source, path="monitor_ids", message=message)]) from None
    return list(dict.fromkeys(numbers))


def _monitors_of(checks: Sequence[dg.AssetChecksDefinition]) -> dict[dg.AssetCheckKey, int]:
    """The monitors of several checks; raises TypeError for a check that no builder made."""
    monitors: dict[dg.AssetCheckKey, int] = {}
    for spec in (spec for definition in checks for spec in definition.check_specs):
        number = (spec.metadata or {}).get(NUMBER_KEY)
        if not isinstance(number, dg.IntMetadataValue) or number.value is None:
            raise TypeError(f"the check {spec.name} was not made by build_datafold_checks")
        monitors[spec.key] = number.value
    return monitors
