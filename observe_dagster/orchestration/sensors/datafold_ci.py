"""The sensor that uploads to Datafold's CI which tables a branch deployment built."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.project import Project
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.sensors.publishers import SECONDS_BETWEEN_TICKS, deliver_due, publisher_context
from observe_dagster.orchestration.translator.keys import destination_key, scoped

if TYPE_CHECKING:
    from observe_dagster.integrations.datafold.ci import Branch
    from observe_dagster.integrations.datafold.requests import ChangedTable

DATAFOLD_CI_SENSOR = "datafold_ci"
QUIET = timedelta(minutes=1)
"""How long no table may have been synced before an upload, for each has all tables that were built."""

DELIVER_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Built:
    """The tables that were synced, the newest of those events, and when it happened."""

    tables: "tuple[ChangedTable, ...]"
    upto: int = 0
    at: float = 0.0


def datafold_ci_sensor(*, scope: str = "", quiet: timedelta = QUIET) -> dg.SensorDefinition | None:
    """Make the sensor; None without DATAFOLD_API_KEY or DATAFOLD_CI_CONFIG_ID. Ticks report what else is missing."""
    if not os.environ.get("DATAFOLD_API_KEY") or not os.environ.get("DATAFOLD_CI_CONFIG_ID"):
        return None

    @dg.sensor(
        name=scoped(DATAFOLD_CI_SENSOR, scope),
        minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Uploads to Datafold's CI which tables this branch deployment built (DATAFOLD_CI_CONFIG_ID).",
    )
    def upload(context: dg.SensorEvaluationContext, observe: dg.ResourceParam[ObserveResource]) -> dg.SkipReason:
        from observe_dagster.integrations.datafold.ci import branch_of

        branch = branch_of()
        if isinstance(branch, str):
            return dg.SkipReason(f"Datafold's CI is off: {branch}.")
        pipelines = _readable_pipelines(observe.project)
        if not pipelines:
            return dg.SkipReason("Datafold's CI is off: no pipeline writes to a connection with a datafold_id.")
        since = _since(context, branch, observe.clock().timestamp())
        built = _built(context.instance, observe.project, branch, pipelines, since=since)
        return dg.SkipReason(_upload(context, observe, branch, built, quiet=quiet))

    return upload


def _readable_pipelines(project: Project) -> dict[dg.AssetKey, Pipeline]:
    """The pipelines whose tables Datafold can read."""
    return {
        destination_key(pipeline): pipeline
        for pipeline in project.pipelines
        if pipeline.is_local and project.connection(pipeline.destination.connection_id).datafold_id is not None
    }


def _since(context: dg.SensorEvaluationContext, branch: "Branch", now: float) -> float:
    """Since when syncs count: always, unless the deployment was of another pull request before."""
    before = json.loads(context.cursor) if context.cursor else {"since": 0.0}
    since = before["since"] if before.get("pr_num") in (None, branch.pr_num) else now
    context.update_cursor(json.dumps({"pr_num": branch.pr_num, "since": since}))
    return since


def _upload(
    context: dg.SensorEvaluationContext,
    observe: ObserveResource,
    branch: "Branch",
    built: _Built,
    *,
    quiet: timedelta,
) -> str:
    from observe_dagster.integrations.datafold.ci import PUBLISHER, enqueue_upload
    from observe_dagster.integrations.datafold.publisher import publisher

    enqueued = 0
    settled = built.at + quiet.total_seconds() <= observe.clock().timestamp()
    if built.tables and settled:
        with observe.ledger.transaction() as tx:
            enqueued = enqueue_upload(tx, branch, built.tables, upto=built.upto, now=observe.clock())
    tables = "1 table" if len(built.tables) == 1 else f"{len(built.tables)} tables"
    more = "" if settled else " Waits until nothing was synced for a minute."
    work, datafold = publisher_context(observe), publisher(os.environ)
    summary = deliver_due(context, observe, PUBLISHER, datafold, work, enqueued=enqueued, seconds=DELIVER_SECONDS)
    return f"Pull request {branch.pr_num} built {tables}: {summary}{more}"


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
    from observe_dagster.integrations.datafold.ci import changed_table
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
