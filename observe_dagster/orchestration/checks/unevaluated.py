"""Checks whose current status Dagster hides: it shows the execution planned last, even where it was never evaluated.

That hides the current status after a run that failed before its checks, and the result of a run that was planned before
the sensor, or another run, evaluated the check.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

import dagster as dg

from observe_dagster.orchestration.instance.dagster_private import AssetCheckExecutionRecordStatus

Check = tuple[tuple[str, ...], str]
"""An asset and the name of one of its checks."""

_LOOKBACK = timedelta(minutes=15)
_MOST_RUNS = 200
_FAILED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def planned_but_unevaluated(instance: dg.DagsterInstance, known: Collection[Check]) -> set[Check]:
    """The checks that the UI calls `execution failed`, because a run that failed lately did not evaluate them."""
    since = datetime.now(UTC) - _LOOKBACK
    filters = dg.RunsFilter(statuses=_FAILED, updated_after=since)
    runs = [record.dagster_run for record in instance.get_run_records(filters, limit=_MOST_RUNS)]
    assets = _assets(runs)
    keys = [dg.AssetCheckKey(dg.AssetKey(asset), name) for asset, name in known if assets is None or asset in assets]
    if not runs or not keys:
        return set()
    run_ids = {run.run_id for run in runs}
    return {
        (tuple(key.asset_key.path), key.name)
        for key, latest in instance.event_log_storage.get_latest_asset_check_execution_by_key(keys).items()
        if latest.status is AssetCheckExecutionRecordStatus.PLANNED and latest.run_id in run_ids
    }


def superseded_checks(instance: dg.DagsterInstance, keys: Iterable[dg.AssetCheckKey], run_id: str) -> set[str]:
    """The names of the checks of which Dagster shows another execution than that of a run."""
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys))
    return {key.name for key, execution in latest.items() if execution.run_id != run_id}


def _assets(runs: Iterable[dg.DagsterRun]) -> set[tuple[str, ...]] | None:
    """The assets of some runs or of their checks; None where a run was of everything."""
    assets: set[tuple[str, ...]] = set()
    for run in runs:
        if run.asset_selection is None and run.asset_check_selection is None:
            return None
        assets |= {tuple(key.path) for key in run.asset_selection or ()}
        assets |= {tuple(check.asset_key.path) for check in run.asset_check_selection or ()}
    return assets
