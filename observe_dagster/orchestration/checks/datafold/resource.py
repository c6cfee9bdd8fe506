"""Datafold in Dagster: monitors that run there as asset checks, and a resource for assets of one's own."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field, PrivateAttr

from observe_dagster.config.project import DeclaredMonitor
from observe_dagster.errors import PublishError, SettingsError
from observe_dagster.orchestration.checks.results import passed
from observe_dagster.records import Outcome, Status

if TYPE_CHECKING:
    from observe_dagster.integrations.datafold.client import Datafold
    from observe_dagster.integrations.datafold.requests import ChangedTable, DataDiff

_NO_KEY = "DATAFOLD_API_KEY is not set; a monitor with engine datafold needs it."


def run_at_datafold(declared: DeclaredMonitor) -> Outcome:
    """Run a monitor at Datafold and wait for its verdict; what goes wrong makes it an `error`."""
    from observe_dagster.integrations.datafold.client import Datafold
    from observe_dagster.integrations.datafold.polling import run_monitor
    from observe_dagster.integrations.datafold.settings import DatafoldSettings

    slug, number = declared.slug, declared.monitor.id
    access = DatafoldSettings.from_environment()
    if access is None:
        return Outcome(status=Status.ERROR, reason=_NO_KEY)
    if number is None:
        create = f"`observe datafold monitors create {slug}` makes it and says its id"
        return Outcome(status=Status.ERROR, reason=f"Monitor {slug} has no id at Datafold; {create}.")
    client = Datafold(access)
    try:
        return run_monitor(client, slug, number)
    except PublishError as error:
        return Outcome(status=Status.ERROR, reason=str(error))
    finally:
        client.close()


class DatafoldResource(dg.ConfigurableResource["DatafoldResource"]):
    """Datafold for assets and checks of one's own; `api_key` is best an `EnvVar`.

    Example:
        >>> @dg.asset_check(asset="orders")
        ... def orders_equal(datafold: DatafoldResource) -> dg.AssetCheckResult:
        ...     diff = DataDiff(data_source1_id=1, data_source2_id=2, table1=("a", "orders"), table2=("b", "orders"),
        ...                     pk_columns=("id",))
        ...     return datafold.diff_as_check(diff)
    """

    api_key: str = Field(description="The key of a user or a service account.", repr=False)
    host: str = Field(default="https://app.datafold.com", description="Where Datafold is.")
    _client: Any = PrivateAttr(default=None)

    @property
    def client(self) -> "Datafold":
        """The client with all of Datafold's verbs."""
        from observe_dagster.integrations.datafold.client import Datafold
        from observe_dagster.integrations.datafold.settings import DatafoldSettings

        if self._client is None:
            if not self.api_key:
                raise SettingsError("The resource datafold has no api_key.")
            self._client = Datafold(DatafoldSettings(api_key=self.api_key, host=self.host.rstrip("/")))
        return self._client

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close the connections at the end of a run."""
        del context
        if self._client is not None:
            self._client.close()

    def monitor_as_check(self, name: str, number: int) -> dg.AssetCheckResult:
        """Run a monitor and give its verdict."""
        from observe_dagster.integrations.datafold.polling import run_monitor

        return _check_result(run_monitor(self.client, name, number))

    def diff_as_check(self, diff: "DataDiff") -> dg.AssetCheckResult:
        """Compare two datasets and give the verdict."""
        from observe_dagster.integrations.datafold.polling import run_data_diff

        number, outcome = run_data_diff(self.client, diff)
        return _check_result(outcome, diff_id=number)

    def upload_branch(self, config: int, pr_num: int, tables: "Sequence[ChangedTable]") -> None:
        """Tell Datafold's CI which tables a branch deployment built anew."""
        self.client.upload_changes(config, pr_num, tables)


def _check_result(outcome: Outcome, **metadata: Any) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.WARN if outcome.status is Status.ERROR else dg.AssetCheckSeverity.ERROR
    return dg.AssetCheckResult(
        passed=passed(outcome),
        severity=severity,
        description=outcome.reason,
        metadata={**metadata, "observe/evidence": dg.MetadataValue.json(dict(outcome.evidence))},
    )
