"""What Dagster shows of a check: the latest execution that was planned, even where it was never evaluated.

Two verdicts would not be seen: the standing one after a run that failed before its checks, and one of a run that was
planned before somebody else, such as the sensor, evaluated the check.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

import dagster as dg

from observe_dagster.orchestration.instance.dagster_private import AssetCheckExecutionRecordStatus

Check = tuple[tuple[str, ...], str]
"""An asset and the name of one of its checks."""

_LOOKS_BACK = timedelta(minutes=15)
_MOST_RUNS = 200
_ENDED_BADLY = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def planned_but_unevaluated(instance: dg.DagsterInstance, known: Collection[Check]) -> set[Check]:
    """The checks that the UI calls `execution failed`, because a run that lately ended badly never came to them."""
    since = datetime.now(UTC) - _LOOKS_BACK
    filters = dg.RunsFilter(statuses=_ENDED_BADLY, updated_after=since)
    runs = [record.dagster_run for record in instance.get_run_records(filters, limit=_MOST_RUNS)]
    assets = _assets(runs)
    keys = [_key(check) for check in known if assets is None or check[0] in assets]
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
    found: set[tuple[str, ...]] = set()
    for run in runs:
        if run.asset_selection is None and run.asset_check_selection is None:
            return None
        found |= {tuple(key.path) for key in run.asset_selection or ()}
        found |= {tuple(check.asset_key.path) for check in run.asset_check_selection or ()}
    return found


def _key(check: Check) -> dg.AssetCheckKey:
    asset, name = check
    return dg.AssetCheckKey(dg.AssetKey(asset), name)
