"""Runs go through a real broker to two workers: every pipeline is synced, and never twice at once."""

import os
from collections import Counter

import pytest

from benchmarks.support.cluster import ROWS, cluster, overlapping

PIPELINES = int(os.environ.get("OBSERVE_TEST_PIPELINES") or 12)
"""How many; `OBSERVE_TEST_PIPELINES=200` for the long form."""


@pytest.mark.timeout(900)
def test_two_workers_sync_many_pipelines_and_no_pipeline_twice_at_once(postgres_url, tmp_path) -> None:
    with cluster(postgres_url, tmp_path, pipelines=PIPELINES, seconds=0.2) as found:
        found.start_workers(2, processes=2)
        processes = len(found.processes())
        numbers = range(1, PIPELINES + 1)
        ended = found.run(number for number in numbers for _ in range(2))
        by_worker, executions, differences = found.tasks_by_worker(), found.executions(), found.differences()
        sessions = found.connections_open()
        logs = "\n".join(log.read_text() for log in tmp_path.glob("worker-*.log"))

    outcomes = Counter((run.status, run.message and run.message.replace(str(run.pipeline), "N")) for run in ended)
    assert set(outcomes) <= {("SUCCESS", None), ("FAILURE", "Pipeline orders-N is already in progress.")}, outcomes
    assert {run.pipeline for run in ended if run.status == "SUCCESS"} == set(numbers)
    assert outcomes["FAILURE", "Pipeline orders-N is already in progress."] > 0, "no two runs of a pipeline ever met"
    assert len(by_worker) == 2
    assert all(by_worker.values())
    assert sum(by_worker.values()) == 2 * PIPELINES
    assert overlapping(executions) == []
    assert {status for *_, status in executions} == {"success"}
    assert differences == []
    assert f"{ROWS} inserts" in logs
    assert "raised unexpected" not in logs
    assert sessions <= 4 * processes, "connections are left behind"
