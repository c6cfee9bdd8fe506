"""Loads one contestant's pipelines, sends them as a code server does, and ticks: a process that imports little else."""

import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.support.child import peak_mb

PARTS = ("yaml", "definitions", "repository", "snapshot")
_MOST_TICKS = 200


def child(told: dict[str, Any]) -> None:
    """Load, send, tick; print what it took."""
    watch = Watch()
    import dagster as dg

    watch.lap("dagster")
    if told["contestant"] == "observe":
        from observe_dagster.config import load_project
        from observe_dagster.orchestration.build import build_definitions
        from observe_dagster.orchestration.instance.gc import freeze_heap
        from observe_dagster.orchestration.resource import ObserveResource
        from observe_dagster.settings import Settings

        settings = Settings.from_environment()
        watch.lap("package")
        project = load_project(Path(told["defs"]), environment=os.environ)
        freeze_heap()
        watch.lap("yaml")
        observe = ObserveResource(project, settings)
        definitions = build_definitions(project, observe=observe)
        freeze_heap()
    else:
        from benchmarks.support.many_pipelines import bare_definitions

        watch.lap("package")
        watch.lap("yaml")
        observe, definitions = None, bare_definitions(told["size"])
    watch.lap("definitions")
    figures = _send(definitions, watch)
    with dg.DagsterInstance.get() as instance:
        if observe is not None:
            figures |= _steady(observe)
        figures |= _tick(figures.pop("repository definition"), instance, watched=observe is not None)
    if observe is not None:
        observe.close()
    print(json.dumps(figures))


class Watch:
    """CPU seconds from one lap to the next: loading waits for nothing but other processes."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.process_time()

    def lap(self, name: str) -> None:
        """End a lap."""
        now = time.process_time()
        self.laps[name], self._last = now - self._last, now


def _send(definitions: Any, watch: Watch) -> dict[str, Any]:
    from dagster._core.remote_representation.external_data import JobDataSnap, RepositorySnap
    from dagster._serdes import serialize_value

    repository = definitions.get_repository_def()
    repository.load_all_definitions()
    watch.lap("repository")
    snapshot = serialize_value(RepositorySnap.from_def(repository, defer_snapshots=True))
    watch.lap("snapshot")
    peak = peak_mb()
    job = serialize_value(JobDataSnap.from_job_def(repository.get_job("sync"), include_parent_snapshot=True))
    watch.lap("job")
    laps = watch.laps
    load = sum(laps[part] for part in PARTS)
    imports = laps["dagster"] + laps["package"]
    return {
        "repository definition": repository,
        "imports": imports,
        **{part: laps[part] for part in PARTS},
        "load": load,
        "whole": imports + load,
        "peak MB": peak,
        "snapshot MB": len(snapshot) / 1e6,
        "job snapshot MB": len(job) / 1e6,
        "job snapshot s": laps["job"],
    }


def _steady(observe: Any) -> dict[str, Any]:
    """Bring the ledger in step and let every check have a verdict, as it is on any day but the first."""
    from observe_dagster.monitoring.timing import judge_timing

    began = time.perf_counter()
    ledger = observe.ledger
    first = time.perf_counter() - began
    began = time.perf_counter()
    ledger.declared.synchronise(observe.project, now=observe.clock())
    later = time.perf_counter() - began
    results = judge_timing(observe.project, ledger, now=observe.clock())
    ledger.checks.record_results(results)
    return {"first synchronise s": first, "later synchronise s": later, "verdicts": len(results)}


def _tick(repository: Any, instance: Any, *, watched: bool) -> dict[str, Any]:
    from dagster._core.definitions.schedule_definition import ScheduleExecutionData
    from dagster._core.definitions.sensor_definition import SensorExecutionData
    from dagster._grpc.impl import get_external_schedule_execution, get_external_sensor_execution

    ref = instance.get_ref()
    names = sorted(each.name for each in repository.schedule_defs if each.name.startswith("orders_"))
    at = time.time() // 3600 * 3600
    milliseconds: list[float] = []
    before = time.process_time()
    for name in names[: _MOST_TICKS + 1]:
        began = time.perf_counter()
        told = get_external_schedule_execution(repository, ref, name, at, "UTC", None)
        milliseconds.append((time.perf_counter() - began) * 1000)
        if not isinstance(told, ScheduleExecutionData) or not told.run_requests:
            raise SystemExit(f"{name} requested no run: {told}")
    first, *rest = milliseconds
    figures: dict[str, Any] = {
        "first tick ms": first,
        "tick ms": statistics.median(rest),
        "tick CPU ms": (time.process_time() - before) * 1000 / len(milliseconds),
        "ticks": len(rest),
    }
    if watched:
        for _ in range(2):
            began = time.perf_counter()
            told = get_external_sensor_execution(repository, None, ref, "check_status", None, None, None, None, None)  # pyright: ignore[reportArgumentType]
            figures["sensor tick s"] = time.perf_counter() - began
            if not isinstance(told, SensorExecutionData):
                raise SystemExit(f"the sensor failed: {told}")
    return figures


if __name__ == "__main__":
    child(json.loads(sys.argv[2]))
