"""Signs of life of Dagster runs: Dagster itself never learns that a run was killed together with its code server.

Such a run would be under way for ever, and hold its pipeline, its pool and its place among the runs back with it. So a
run counts in a tag while it lives, and a run whose count stands still is ended as failed, which lets Dagster retry it.
Time is told in ticks of a sensor, for the clocks of two machines may differ.
"""

import itertools
import json
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from observe_dagster.orchestration.instance.dagster_private import (
    ExecutionPlan,
    PlanOrchestrationContext,
    RetryMode,
    StepDependencyConfig,
)

HEARTBEAT_TAG = ".dagster/observe_alive"
"""Dagster's UI does not show tags that begin like this."""
LOST_AFTER_TICKS = 4

_SECONDS_BETWEEN_SIGNS = 20.0
_SECONDS_AFTER_FAILURE = 1.0
_MOST_RUNS = 1000
_LOST = "The process of this run was killed or lost: it gives no sign of life any more."


@contextmanager
def heartbeat(instance: dg.DagsterInstance, run_id: str) -> Generator[None]:
    """Say again and again that a run lives, for as long as the block runs."""
    over = threading.Event()

    def count() -> None:
        for sign in itertools.count():
            wait = _SECONDS_BETWEEN_SIGNS
            try:
                instance.add_run_tags(run_id, {HEARTBEAT_TAG: str(sign)})
            except Exception:  # noqa: BLE001 (the run may not be recorded yet, or Dagster's database be away)
                wait = _SECONDS_AFTER_FAILURE
            if over.wait(wait):
                return

    counting = threading.Thread(target=count, name="signs of life", daemon=True)
    counting.start()
    try:
        yield
    finally:
        over.set()
        counting.join()


class _HeartbeatExecutor(dg.Executor):
    """Executes as another executor does, and says that the run lives."""

    def __init__(self, executor: dg.Executor) -> None:
        self._executor = executor

    @property
    def retries(self) -> RetryMode:
        """As the other's."""
        return self._executor.retries

    @property
    def step_dependency_config(self) -> StepDependencyConfig:
        """As the other's."""
        return self._executor.step_dependency_config

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Execute, and say that the run lives until it ends."""
        with heartbeat(plan_context.instance, plan_context.run_id):
            yield from self._executor.execute(plan_context, execution_plan)


def _living(context: dg.InitExecutorContext) -> dg.Executor:
    create = dg.in_process_executor.executor_creation_fn
    assert create is not None
    return _HeartbeatExecutor(create(context))


heartbeat_in_process_executor = dg.ExecutorDefinition(
    name=dg.in_process_executor.name,
    config_schema=dg.in_process_executor.config_schema,  # pyright: ignore[reportArgumentType] (what it takes is wider)
    executor_creation_fn=_living,
    description="All steps in one process, which says that it lives.",
)


def end_lost_runs(instance: dg.DagsterInstance, cursor: str | None) -> tuple[list[str], str]:
    """End the runs whose count has not moved for some ticks; return their ids, and the cursor for the next tick."""
    seen: dict[str, Any] = json.loads(cursor) if cursor else {}
    waiting: dict[str, tuple[str, int]] = {}
    lost: list[str] = []
    filters = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    for record in instance.get_run_records(filters, limit=_MOST_RUNS):
        run = record.dagster_run
        sign = run.tags.get(HEARTBEAT_TAG)
        if sign is None:
            continue
        last, ticks = seen.get(run.run_id, (None, 0))
        ticks = ticks + 1 if sign == last else 0
        if ticks < LOST_AFTER_TICKS:
            waiting[run.run_id] = (sign, ticks)
        else:
            instance.report_run_failed(run, _LOST)
            lost.append(run.run_id)
    return lost, json.dumps(waiting)
