"""The heartbeat of Dagster runs: Dagster itself never learns that a run was killed together with its code server.

Such a run would stay started for ever, and block its pipeline, its pool and its slot among the runs. So a run counts in
a tag while its process lives, and a run whose counter does not change is ended as failed, which lets Dagster retry it.
Time is counted in ticks of a sensor, for the clocks of two machines may differ.
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

_SECONDS_BETWEEN_BEATS = 20.0
_SECONDS_AFTER_FAILURE = 1.0
_MOST_RUNS = 1000
_LOST = "The process of this run was killed or lost: it sends no heartbeat any more."


@contextmanager
def heartbeat(instance: dg.DagsterInstance, run_id: str) -> Generator[None]:
    """Send heartbeats of a run for as long as the block runs."""
    ended = threading.Event()

    def send() -> None:
        for beat in itertools.count():
            wait = _SECONDS_BETWEEN_BEATS
            try:
                instance.add_run_tags(run_id, {HEARTBEAT_TAG: str(beat)})
            except Exception:  # noqa: BLE001 (the run may not be recorded yet, or Dagster's database be away)
                wait = _SECONDS_AFTER_FAILURE
            if ended.wait(wait):
                return

    sender = threading.Thread(target=send, name="heartbeat", daemon=True)
    sender.start()
    try:
        yield
    finally:
        ended.set()
        sender.join()


class _HeartbeatExecutor(dg.Executor):
    """Executes as another executor does, with heartbeats of the run."""

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
        """Execute the plan, and send heartbeats until it ends."""
        with heartbeat(plan_context.instance, plan_context.run_id):
            yield from self._executor.execute(plan_context, execution_plan)


def _create_executor(context: dg.InitExecutorContext) -> dg.Executor:
    create = dg.in_process_executor.executor_creation_fn
    assert create is not None
    return _HeartbeatExecutor(create(context))


heartbeat_in_process_executor = dg.ExecutorDefinition(
    name=dg.in_process_executor.name,
    config_schema=dg.in_process_executor.config_schema,  # pyright: ignore[reportArgumentType] (what it takes is wider)
    executor_creation_fn=_create_executor,
    description="All steps in one process, which sends a heartbeat.",
)


def end_lost_runs(instance: dg.DagsterInstance, cursor: str | None) -> tuple[list[str], str]:
    """End the runs whose heartbeat has not changed for some ticks; returns their ids, and the next tick's cursor."""
    seen: dict[str, Any] = json.loads(cursor) if cursor else {}
    waiting: dict[str, tuple[str, int]] = {}
    lost: list[str] = []
    filters = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    for record in instance.get_run_records(filters, limit=_MOST_RUNS):
        run = record.dagster_run
        beat = run.tags.get(HEARTBEAT_TAG)
        if beat is None:
            continue
        last, ticks = seen.get(run.run_id, (None, 0))
        ticks = ticks + 1 if beat == last else 0
        if ticks < LOST_AFTER_TICKS:
            waiting[run.run_id] = (beat, ticks)
        else:
            instance.report_run_failed(run, _LOST)
            lost.append(run.run_id)
    return lost, json.dumps(waiting)
