"""A code location that watches assets which others make, and what was reported of their checks."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.event_log import SqlEventLogStorage

from observe_dagster import build_watch_sensor, observe_resource
from observe_dagster.ledger import ExecutionRow, Ledger
from observe_dagster.settings import Settings

ORDERS = dg.AssetKey(["dbt", "orders"])
AT_ONCE = timedelta()


class Location:
    """Somebody's code location with one sensor over its checks, at a time that a test moves away from the real one."""

    def __init__(self, checks: list[dg.AssetChecksDefinition], ledger_url: str, folder: Path, assets: Any = ()) -> None:
        self.settings = Settings(home=folder, defs=folder, database_url=ledger_url)
        self.observe = observe_resource(settings=self.settings, environment={})
        self.later = timedelta()
        self.observe.clock = lambda: datetime.now(UTC) + self.later
        self.instance = dg.DagsterInstance.ephemeral()
        self.cursor: str | None = None
        self.assets = list(assets)
        self.watch(checks)

    def watch(self, checks: list[dg.AssetChecksDefinition]) -> None:
        """Deploy other checks."""
        self.sensor = build_watch_sensor(checks, settle_time=AT_ONCE)
        self.definitions = dg.Definitions(
            assets=self.assets, asset_checks=checks, sensors=[self.sensor], resources={"observe": self.observe}
        )

    def tick(self, *, fresh: bool = False) -> str:
        """One tick of the sensor; `fresh` as after the cursor was reset."""
        with dg.build_sensor_context(
            instance=self.instance, cursor=None if fresh else self.cursor, resources={"observe": self.observe}
        ) as context:
            data = self.sensor.evaluate_tick(context)
        self.cursor = data.cursor
        assert data.skip_message is not None
        return data.skip_message

    def report(self, key: dg.AssetKey = ORDERS, partition: str | None = None, **metadata: Any) -> None:
        """Report a materialization as `/report_asset_materialization` does."""
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization(asset_key=key, partition=partition, metadata=metadata)
        )

    def rows(self, *counts: int, key: dg.AssetKey = ORDERS) -> None:
        """Report one materialization for each number of rows."""
        for count in counts:
            self.report(key, **{"dagster/row_count": count})

    def evaluations(self) -> list[dg.AssetCheckEvaluation]:
        """What was reported of checks, the oldest first."""
        wanted = dg.EventRecordsFilter(event_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        storage = self.instance.event_log_storage
        assert isinstance(storage, SqlEventLogStorage)
        records = SqlEventLogStorage.get_event_records(storage, wanted, ascending=True)
        found = [record.event_log_entry.asset_check_evaluation for record in records]
        return [evaluation for evaluation in found if evaluation is not None]

    def said(self) -> dict[str, str]:
        """The last status of each check."""
        return {name_of(each): status(each) for each in self.evaluations()}

    def by_hand(self, *names: str, key: dg.AssetKey = ORDERS) -> dict[str, dg.AssetCheckEvaluation]:
        """Run checks as somebody does who asks for them in the UI."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        subset = job.get_subset(
            asset_selection=set(), asset_check_selection={dg.AssetCheckKey(key, name) for name in names}
        )
        result = subset.execute_in_process(instance=self.instance)
        return {each.check_name: each for each in result.get_asset_check_evaluations()}

    def runs(self, asset_id: str = "dbt/orders") -> tuple[ExecutionRow, ...]:
        """The executions that the ledger knows."""
        return self.ledger.executions.page(asset_id, page_size=500).items

    def loaded(self, asset_id: str = "dbt/orders") -> list[int | None]:
        """The rows of each execution that the ledger knows."""
        return [run.counts and run.counts.total_rows for run in self.runs(asset_id)]

    @property
    def ledger(self) -> Ledger:
        return self.observe.ledger


def name_of(evaluation: dg.AssetCheckEvaluation) -> str:
    return f"{evaluation.asset_key.to_user_string()}:{evaluation.check_name}"


def status(evaluation: dg.AssetCheckEvaluation) -> str:
    return str(evaluation.metadata["observe/status"].value)
