"""Runs of one pipeline through Dagster, in this process and on the persistent instance, so that the UI shows them."""

import os
import signal
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from observe_dagster.errors import NothingToSyncError
from observe_dagster.service.context import Context, child_environment
from observe_dagster.service.failures import RunFailedError

if TYPE_CHECKING:
    import dagster as dg

    from observe_dagster.config import Pipeline

_LABELS = {".dagster/repository": "__repository__@observe_dagster"}
"""Without this label the run would be missing from the job's own list of runs in the UI."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerRequest:
    """What to read again, or up to when; by default all that is new."""

    from_: datetime | None = None
    until: datetime | None = None
    full_refresh: bool = False


def launch(context: Context, pipeline_id: str, request: TriggerRequest) -> list[int]:
    """Run the asset of a pipeline now and wait for its end; returns the number of each execution, in order.

    There is one, unless the pipeline is partitioned and windows that are not neighbours are missing. Raises
    RunFailedError with the message of the run that failed.
    """
    from observe_dagster.orchestration.assets.partitions import is_partitioned
    from observe_dagster.orchestration.assets.sync import run_config
    from observe_dagster.orchestration.build import build_sync_job
    from observe_dagster.orchestration.events.failures import failure_messages, failure_reason, was_interrupted
    from observe_dagster.orchestration.instance.heartbeat import heartbeat
    from observe_dagster.orchestration.translator.keys import SYNC_JOB, destination_key, safe_names

    pipeline = context.project.pipeline(pipeline_id)
    safe_name = safe_names(declared.id for declared in context.project.pipelines)[pipeline_id]
    executions: list[int] = []
    with _instance(context) as instance:
        definitions = build_sync_job(context.project, pipeline_id, settings=context.settings)
        checks = definitions.resolve_asset_graph().asset_check_keys
        job = definitions.resolve_job_def(SYNC_JOB).get_subset(
            asset_selection={destination_key(pipeline)}, asset_check_selection=set(checks)
        )
        if is_partitioned(pipeline):
            runs = _window_tags(context, pipeline, request, instance)
            config = run_config(safe_name, full_refresh=request.full_refresh)
        else:
            runs = [{}]
            config = run_config(
                safe_name,
                from_=None if request.from_ is None else request.from_.isoformat(),
                until=None if request.until is None else request.until.isoformat(),
                full_refresh=request.full_refresh,
            )
        log_level = "INFO" if context.debug else "CRITICAL"
        for tags in runs:
            run_id = str(uuid4())
            with heartbeat(instance, run_id):
                result = job.execute_in_process(
                    instance=instance,
                    run_id=run_id,
                    run_config={**config, "loggers": {"console": {"config": {"log_level": log_level}}}},
                    tags={**_LABELS, **tags},
                    raise_on_error=False,
                )
            if not result.success:
                if was_interrupted(result.all_events):
                    raise KeyboardInterrupt
                messages = "\n".join(failure_messages(result.all_events))
                raise RunFailedError(
                    pipeline_id,
                    messages or f"Dagster run {result.run_id} failed; the UI shows why.",
                    reason=failure_reason(result.all_events),
                )
            executions.extend(execution_ids(result.all_events))
    return executions


def execution_ids(events: "Iterable[dg.DagsterEvent]") -> Iterator[int]:
    """The ledger's number of each execution that was materialized, once."""
    seen: set[int] = set()
    for event in events:
        if event.is_step_materialization:
            value = event.step_materialization_data.materialization.metadata.get("observe/execution_id")
            number = None if value is None else value.value
            if isinstance(number, int) and number not in seen:
                seen.add(number)
                yield number


@contextmanager
def _instance(context: Context) -> "Generator[dg.DagsterInstance]":
    from dagster import DagsterExecutionInterruptedError, DagsterInstance

    from observe_dagster.orchestration.instance.home import prepare_dagster_home

    home = prepare_dagster_home(context.settings)
    os.environ.update(child_environment(context.settings, context.database_url, home))
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with DagsterInstance.get() as instance:
            yield instance
    except DagsterExecutionInterruptedError:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _window_tags(
    context: Context, pipeline: "Pipeline", request: TriggerRequest, instance: "dg.DagsterInstance"
) -> list[Mapping[str, str]]:
    """The partitions to run, neighbours in one run: those between two times, or the closed ones that are missing."""
    from observe_dagster.config import IntervalSchedule
    from observe_dagster.orchestration.assets.partitions import missing_windows, partitions_of
    from observe_dagster.orchestration.translator.keys import destination_key

    definition, now = partitions_of(pipeline, context.project), datetime.now(UTC)
    if definition is None or not isinstance(pipeline.schedule, IntervalSchedule):
        return [{}]
    reread = request.full_refresh or request.from_ is not None or request.until is not None
    materialized = set() if reread else instance.get_materialized_partitions(destination_key(pipeline))
    keys = {
        key
        for key in definition.get_partition_keys(current_time=now)
        if not _between(definition.time_window_for_partition_key(key), request)
    }
    missing = missing_windows(definition, pipeline.schedule, now=now, materialized=keys | materialized)
    if not missing:
        raise NothingToSyncError(pipeline.id, f"Pipeline {pipeline.id} has no closed window that is to be read.")
    return [
        {
            "dagster/asset_partition_range_start": windows.first_key,
            "dagster/asset_partition_range_end": windows.last_key,
        }
        for windows in missing
    ]


def _between(window: "dg.TimeWindow", request: TriggerRequest) -> bool:
    after_start = request.from_ is None or window.start >= request.from_
    return after_start and (request.until is None or window.end <= request.until)
