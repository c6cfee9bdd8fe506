"""One asset per pipeline: materializing it runs the sync."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.project import Project
from observe_dagster.errors import NothingToSyncError, ObserveError, RequestError
from observe_dagster.orchestration.assets.partitions import is_partitioned
from observe_dagster.orchestration.assets.remote_sync import remote_run
from observe_dagster.orchestration.checks.kinds import pipeline_check_specs
from observe_dagster.orchestration.checks.sync import evaluate
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.translator.keys import RUN_TYPE_TAG, destination_key, op_name, range_tags, run_tags
from observe_dagster.orchestration.translator.metadata import result_metadata
from observe_dagster.orchestration.translator.specs import destination_spec, pool_of
from observe_dagster.records import RunType, SyncResult
from observe_dagster.sync.ranges import SyncRequest

RUN_CONFIG = {
    "from": dg.Field(
        dg.Noneable(str),
        is_required=False,
        description="Read again from this time on, such as 2024-03-01T00:00:00Z. Moves no watermark.",
    ),
    "until": dg.Field(
        dg.Noneable(str),
        is_required=False,
        description="Read only rows before this time. Without `from`: sync up to it.",
    ),
    "full_refresh": dg.Field(
        bool, default_value=False, description="Forget the watermark and read everything from the beginning."
    ),
}

_SECONDS_BETWEEN_PROGRESS = 10.0


def pipeline_asset(
    pipeline: Pipeline,
    project: Project,
    *,
    safe_name: str,
    deps: Sequence[dg.AssetKey],
    partitions_def: dg.TimeWindowPartitionsDefinition | None,
) -> dg.AssetsDefinition:
    """Make the asset of a pipeline; it needs the resource `observe`."""
    key, check_specs = destination_key(pipeline), pipeline_check_specs(pipeline, project)

    @dg.multi_asset(
        name=op_name(safe_name),
        specs=[destination_spec(pipeline, project, deps=deps, partitions_def=partitions_def)],
        check_specs=check_specs,
        can_subset=bool(check_specs),
        config_schema=RUN_CONFIG,
        required_resource_keys={"observe"},
        pool=pool_of(project, (pipeline.destination.connection_id, pipeline.connection_id)),
        backfill_policy=None if partitions_def is None else dg.BackfillPolicy.single_run(),
        description=f"Sync {pipeline.name}.",
    )
    def sync_pipeline(context: dg.AssetExecutionContext) -> Iterator[Any]:
        # Dagster reads the annotations of each asset anew, so these are few.
        observe: ObserveResource = context.resources.observe
        result = _sync(context, observe, pipeline) if key in context.selected_asset_keys else None
        if result is not None:
            yield _materialization(context, observe, pipeline, result)
        yield from evaluate(context, observe, pipeline, synced=result)

    return sync_pipeline


def _sync(context: dg.AssetExecutionContext, observe: ObserveResource, pipeline: Pipeline) -> SyncResult | None:
    """Run the sync; None where a scheduled run finds nothing to do."""
    _add_tags(context, run_tags(pipeline))
    try:
        return _run(context, observe, pipeline)
    except NothingToSyncError as nothing:
        if _run_type(context.run.tags) is RunType.MANUAL:
            raise _failure(nothing, pipeline) from None
        context.log.info(f"Nothing to sync: {nothing}")
        return None
    except ObserveError as error:
        raise _failure(error, pipeline) from None


def _materialization(
    context: dg.AssetExecutionContext, observe: ObserveResource, pipeline: Pipeline, result: SyncResult
) -> dg.MaterializeResult[Any]:
    _add_tags(context, range_tags(result.range))
    _log(context, result)
    metadata = result_metadata(result, pipeline, observe.project)
    if is_partitioned(pipeline) and len(context.partition_keys) == 1:
        metadata["dagster/partition_row_count"] = result.counts.total_rows
    return dg.MaterializeResult(asset_key=destination_key(pipeline), metadata=metadata)


def run_config(
    safe_name: str, *, from_: str | None = None, until: str | None = None, full_refresh: bool = False
) -> dict[str, Any]:
    """The run config of a manual run of one pipeline."""
    config: dict[str, Any] = {"full_refresh": full_refresh}
    if from_ is not None:
        config["from"] = from_
    if until is not None:
        config["until"] = until
    return {"ops": {op_name(safe_name): {"config": config}}}


def _run(context: dg.AssetExecutionContext, observe: ObserveResource, pipeline: Pipeline) -> SyncResult:
    request = _request(context, pipeline)
    key = _execution_key(context, pipeline, request)
    if not pipeline.is_local:
        return remote_run(context, observe, pipeline, run_type=request.run_type, execution_key=key)
    return observe.runner.run(
        pipeline.id,
        request,
        execution_key=key,
        dagster_run_id=context.run.run_id,
        on_progress=_Progress(context),
    )


def _request(context: dg.AssetExecutionContext, pipeline: Pipeline) -> SyncRequest:
    config = context.op_execution_context.op_config
    from_, until = _instant(config, "from", pipeline), _instant(config, "until", pipeline)
    run_type = _run_type(context.run.tags)
    if not is_partitioned(pipeline):
        return SyncRequest(run_type=run_type, from_=from_, until=until, full_refresh=config["full_refresh"])
    if from_ is not None or until is not None or config["full_refresh"]:
        raise RequestError(
            pipeline.id,
            f"Pipeline {pipeline.id} is partitioned: choose the partitions to read instead of `from`, `until` "
            "and `full_refresh`.",
        )
    window = context.partition_time_window
    return SyncRequest(run_type=run_type, window=(window.start.astimezone(UTC), window.end.astimezone(UTC)))


def _instant(config: Mapping[str, Any], name: str, pipeline: Pipeline) -> datetime | None:
    text = config.get(name)
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise RequestError(
            pipeline.id, f"`{name}` is {text!r}; write a time with its zone, such as 2024-03-01T00:00:00Z."
        )
    return instant.astimezone(UTC)


def _run_type(tags: Mapping[str, str]) -> RunType:
    """Why the run exists, by its tags: ours on scheduled runs, Dagster's own on backfills."""
    if "dagster/backfill" in tags:
        return RunType.BACKFILL
    return RunType(tags.get(RUN_TYPE_TAG, RunType.MANUAL))


def _execution_key(context: dg.AssetExecutionContext, pipeline: Pipeline, request: SyncRequest) -> str:
    """One key for one attempt: the same again when Dagster asks twice, another one for a retry or another window."""
    parts = [context.run.run_id, pipeline.id, str(context.op_execution_context.retry_number)]
    if request.window is not None:
        parts.extend(edge.isoformat() for edge in request.window)
    return "/".join(parts)


def _add_tags(context: dg.AssetExecutionContext, tags: Mapping[str, str]) -> None:
    """Tag the run, unless it covers several pipelines, whose tags would overwrite one another."""
    if len(context.job_def.asset_layer.selected_asset_keys) > 1:
        return
    new = {key: value for key, value in tags.items() if key not in context.run.tags}
    if new:
        context.instance.add_run_tags(context.run.run_id, new)


def _failure(error: ObserveError, pipeline: Pipeline) -> dg.Failure:
    return dg.Failure(
        description=str(error),
        metadata={"observe/pipeline": pipeline.id, "observe/error": type(error).__name__},
        allow_retries=False,
    )


def _log(context: dg.AssetExecutionContext, result: SyncResult) -> None:
    counts = result.counts
    context.log.info(
        f"Read {counts.total_rows} rows: {counts.inserts} inserts, {counts.updates} updates, {counts.unchanged} "
        f"unchanged, {counts.soft_deletes} soft deletes, {counts.rejected} rejected; "
        f"{result.duration_seconds:.1f} s; watermark {result.watermark or 'not set'}."
    )
    for change in result.schema_changes:
        context.log.warning(
            f"Column {change.column} {change.change}: {change.old_type} -> {change.new_type}, {change.action}."
        )
    for note in result.notes:
        context.log.info(note)


class _Progress:
    """Logs the number of rows read, every so often."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._context, self._last = context, time.monotonic()

    def __call__(self, rows: int, size: int) -> None:
        if time.monotonic() - self._last >= _SECONDS_BETWEEN_PROGRESS:
            self._last = time.monotonic()
            self._context.log.info(f"{rows} rows so far, {size / 1_000_000:.1f} MB.")
