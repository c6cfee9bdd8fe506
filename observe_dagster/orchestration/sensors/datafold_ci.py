"""The sensor that tells Datafold's CI which tables a branch deployment built, on where the environment names both."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.project import Project
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.sensors.publishers import deliver_due, tick_summary
from observe_dagster.orchestration.translator.keys import destination_key, scoped

if TYPE_CHECKING:
    from observe_dagster.integrations.datafold import Branch, ChangedTable, DatafoldSettings

DATAFOLD_CI_SENSOR = "datafold_ci"
QUIET = timedelta(minutes=1)
"""So long no table may have been synced before they are told, for each upload has all that are built."""

DELIVER_SECONDS = 20.0
_SECONDS_BETWEEN_TICKS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class _Built:
    """The tables that were synced, the newest of those events, and when it happened."""

    tables: "tuple[ChangedTable, ...]"
    upto: int = 0
    at: float = 0.0


def datafold_ci_sensor(*, scope: str = "", quiet: timedelta = QUIET) -> dg.SensorDefinition:
    """Make the sensor; where nothing says which pull request this deployment is of, it says so and does nothing."""

    @dg.sensor(
        name=scoped(DATAFOLD_CI_SENSOR, scope),
        minimum_interval_seconds=_SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells Datafold's CI which tables this branch deployment built (DATAFOLD_CI_CONFIG_ID).",
    )
    def upload(context: dg.SensorEvaluationContext, observe: dg.ResourceParam[ObserveResource]) -> dg.SkipReason:
        from observe_dagster.integrations.datafold import DatafoldSettings, branch_of

        access = DatafoldSettings.from_environment()
        if access is None:
            return dg.SkipReason("Datafold's CI is off: DATAFOLD_API_KEY is not set.")
        branch = branch_of()
        if isinstance(branch, str):
            return dg.SkipReason(f"Datafold's CI is off: {branch}.")
        pipelines = _known_there(observe.project)
        if not pipelines:
            return dg.SkipReason("Datafold's CI is off: no pipeline writes to a connection with a datafold_id.")
        since = _since(context, branch, observe.clock().timestamp())
        built = _built(context.instance, observe.project, branch, pipelines, since=since)
        return dg.SkipReason(_tell(observe, access, branch, built, quiet=quiet))

    return upload


def _known_there(project: Project) -> dict[dg.AssetKey, Pipeline]:
    """The pipelines whose tables Datafold can read."""
    return {
        destination_key(pipeline): pipeline
        for pipeline in project.pipelines
        if pipeline.engine == "local" and project.connection(pipeline.destination.connection_id).datafold_id is not None
    }


def _since(context: dg.SensorEvaluationContext, branch: "Branch", now: float) -> float:
    """Since when syncs count: always, unless the deployment was of another pull request before."""
    kept = json.loads(context.cursor) if context.cursor else {"since": 0.0}
    since = kept["since"] if kept.get("pr_num") in (None, branch.pr_num) else now
    context.update_cursor(json.dumps({"pr_num": branch.pr_num, "since": since}))
    return since


def _tell(
    observe: ObserveResource, access: "DatafoldSettings", branch: "Branch", built: _Built, *, quiet: timedelta
) -> str:
    from observe_dagster.integrations.datafold import PUBLISHER, BranchCi, Datafold, enqueue_upload

    made = 0
    settled = built.at + quiet.total_seconds() <= observe.clock().timestamp()
    if built.tables and settled:
        with observe.ledger.transaction() as tx:
            made = enqueue_upload(tx, branch, built.tables, upto=built.upto, now=observe.clock())
    with Datafold(access, folder=observe.settings.publish_dry_run) as there:
        tally = deliver_due(observe, BranchCi(there), seconds=DELIVER_SECONDS)
    tables = "1 table" if len(built.tables) == 1 else f"{len(built.tables)} tables"
    waits = "" if settled else " Waits until nothing was synced for a minute."
    said = tick_summary(observe, PUBLISHER, made, tally)
    return f"Pull request {branch.pr_num} built {tables}: {said}{waits}"


def _built(
    instance: dg.DagsterInstance,
    project: Project,
    branch: "Branch",
    pipelines: Mapping[dg.AssetKey, Pipeline],
    *,
    since: float,
) -> _Built:
    newest: dict[dg.AssetKey, dg.EventLogRecord] = {}
    for asset in instance.get_asset_records(list(pipelines)):
        record = asset.asset_entry.last_materialization_record
        if record is not None and record.timestamp > since:
            newest[asset.asset_entry.asset_key] = record
    return _Built(
        tables=tuple(_changed(branch, [pipelines[key] for key in sorted(newest)], project)),
        upto=max((record.storage_id for record in newest.values()), default=0),
        at=max((record.timestamp for record in newest.values()), default=0.0),
    )


def _changed(branch: "Branch", pipelines: Sequence[Pipeline], project: Project) -> "list[ChangedTable]":
    from observe_dagster.integrations.datafold import changed_table
    from observe_dagster.warehouse.port.load import DELETED_AT

    return [
        changed_table(
            branch,
            (
                project.connection(pipeline.destination.connection_id).database_name,
                pipeline.destination.schema_,
                pipeline.destination.table,
            ),
            primary_key=pipeline.destination.primary_key,
            exclude_columns=[DELETED_AT] if pipeline.destination.write_mode == "mirror" else [],
            pipeline_metadata=pipeline.pipeline_metadata,
        )
        for pipeline in pipelines
    ]
