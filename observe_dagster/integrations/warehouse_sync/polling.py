"""Starts a run at Warehouse Sync, or takes up one whose reply was lost, and follows it to its end."""

from collections.abc import Callable
from datetime import timedelta
from time import monotonic

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.errors import (
    AlreadyInProgressError,
    ConnectionFailedError,
    DataModelError,
    NotAppliedError,
    ObserveError,
    PublishError,
    SyncError,
)
from observe_dagster.integrations.warehouse_sync.client import RemoteRun, Report, WarehouseSyncClient

FOLLOW_LIMIT = timedelta(hours=24)
FIRST_WAIT, LONGEST_WAIT = 1.0, 15.0
"""Seconds between two looks at a run: they double."""

Wait = Callable[[float], None]
OnRun = Callable[[RemoteRun], None]


def started_run(client: WarehouseSyncClient, pipeline: Pipeline) -> int:
    """Trigger the pipeline and return its run's number; raises what went wrong in our own terms.

    A trigger that gets no answer may have arrived. So the latest run is looked up before, and after such a trigger a
    newer manual one is taken for ours.
    """
    try:
        before = _latest(client.report(pipeline.id))
        try:
            number = client.trigger(pipeline.id)
        except PublishError as error:
            if error.permanent or error.status is not None:
                raise
            number = None
            lost = error
        else:
            lost = None
        if number is not None:
            return number
        latest = client.report(pipeline.id).latest_run
    except PublishError as error:
        raise to_sync_error(error, pipeline) from None
    if latest is not None and latest.type == "manual" and latest.id > before:
        return latest.id
    raise lost or SyncError(pipeline.id, f"Warehouse Sync did not say which run of pipeline {pipeline.id} it started.")


def followed(
    client: WarehouseSyncClient,
    pipeline: Pipeline,
    run_id: int,
    *,
    wait: Wait,
    on_run: OnRun,
    limit: timedelta = FOLLOW_LIMIT,
) -> RemoteRun | None:
    """Look at a run until it has ended; None when it has not within `limit`. A lookup that fails is made again."""
    until, pause = monotonic() + limit.total_seconds(), FIRST_WAIT
    while True:
        try:
            run = client.run(pipeline.id, run_id)
        except PublishError as error:
            if error.permanent:
                raise to_sync_error(error, pipeline) from None
            run = None
        if run is not None:
            on_run(run)
            if not run.is_open:
                return run
        if monotonic() + pause > until:
            return None
        wait(pause)
        pause = min(pause * 2, LONGEST_WAIT)


def failure_reason(client: WarehouseSyncClient, pipeline: Pipeline, run: RemoteRun) -> ObserveError:
    """What ended a run badly: its connection, its data model, or what the run itself says."""
    try:
        report = client.report(pipeline.id)
    except PublishError:
        report = None
    if report is not None and report.connection_status == "faulted":
        return ConnectionFailedError(pipeline.connection_id, _sentence(report.connection_errors, "it is faulted."))
    if report is not None and report.data_model_status == "invalid":
        message = _sentence(report.data_model_errors, "no reason was given.")
        return DataModelError(pipeline.connection_id, pipeline.data_model_id, message)
    message = _sentence(run.errors or (report.errors if report is not None else ()), "no reason was given.")
    return SyncError(pipeline.id, f"Run {run.id} of pipeline {pipeline.id} at Warehouse Sync {run.status}: {message}")


def to_sync_error(error: PublishError, pipeline: Pipeline) -> ObserveError:
    """The API's status codes as our errors; what has no meaning of its own stays a PublishError."""
    message = _sentence(_error_messages(error), error.reason)
    if error.status == 400 and "already in progress" in message.lower():
        return AlreadyInProgressError(pipeline.id)
    if error.status == 400:
        return SyncError(pipeline.id, f"Warehouse Sync refuses pipeline {pipeline.id}: {message}")
    if error.status == 404:
        return NotAppliedError("pipeline", pipeline.id)
    if error.status == 505:
        return ConnectionFailedError(pipeline.connection_id, f"Warehouse Sync cannot connect to it: {message}")
    return error


def _error_messages(error: PublishError) -> tuple[str, ...]:
    errors = error.body.get("errors") if isinstance(error.body, dict) else None
    listed = errors if isinstance(errors, list) else []
    return tuple(str(each["message"]) for each in listed if isinstance(each, dict) and each.get("message"))


def _sentence(messages: tuple[str, ...], otherwise: str) -> str:
    return " ".join(messages) or otherwise


def _latest(report: Report) -> int:
    return report.latest_run.id if report.latest_run is not None else 0
