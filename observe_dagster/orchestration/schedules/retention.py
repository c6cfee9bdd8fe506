"""The weekly job that prunes the ledger: it deletes what is older than OBSERVE_RETENTION_DAYS."""

import dagster as dg

from observe_dagster.orchestration.instance.heartbeat import heartbeat_in_process_executor
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.translator.keys import PRUNE_JOB

_SUNDAY_AT_THREE = "0 3 * * 0"


@dg.op(description="Deletes old runs and check results; unfinished runs, open alerts and pending publications stay.")
def prune(context: dg.OpExecutionContext, observe: dg.ResourceParam[ObserveResource]) -> None:
    """Prune the ledger by its retention, and log what was deleted."""
    days = observe.settings.retention_days
    counts = observe.ledger.prune(now=observe.clock(), retention_days=days)
    deleted = {name.removeprefix("total_").removesuffix("_deleted"): count for name, count in counts.items()}
    summary = ", ".join(f"{count:,} {name}" for name, count in deleted.items() if count)
    context.log.info(f"Deleted what is older than {days} days: {summary or 'nothing'}.")
    context.add_output_metadata({f"observe/{name}": count for name, count in deleted.items()})


@dg.job(
    name=PRUNE_JOB,
    executor_def=heartbeat_in_process_executor,
    description="Deletes from the ledger what is older than OBSERVE_RETENTION_DAYS.",
)
def prune_job() -> None:
    """Prune the ledger; a code location has this once, however many builds it is made of."""
    prune()


prune_schedule = dg.ScheduleDefinition(
    name=f"{PRUNE_JOB}_weekly",
    job=prune_job,
    cron_schedule=_SUNDAY_AT_THREE,
    execution_timezone="UTC",
    description="Sundays at 03:00 UTC: deletes from the ledger what is older than OBSERVE_RETENTION_DAYS.",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
