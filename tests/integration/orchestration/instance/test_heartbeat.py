"""A run that was killed together with everything that could tell is ended; one that lives, or never spoke, is not."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from observe_dagster.orchestration.instance.heartbeat import (
    HEARTBEAT_TAG,
    LOST_AFTER_TICKS,
    end_lost_runs,
    heartbeat,
    heartbeat_in_process_executor,
)


@dg.op
def nothing() -> None:
    """Do nothing."""


@dg.job(executor_def=heartbeat_in_process_executor)
def living_job() -> None:
    """A job whose runs say that they live."""
    nothing()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance on disk, for runs say from another thread that they live."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as opened:
        yield opened


def started(instance: dg.DagsterInstance, **tags: str) -> dg.DagsterRun:
    """A run that is under way."""
    run = instance.create_run_for_job(living_job, status=dg.DagsterRunStatus.STARTED)
    instance.add_run_tags(run.run_id, tags)
    return run


def status(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    """Where a run is now."""
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status


def test_a_run_says_that_it_lives(instance):
    run = started(instance)

    with heartbeat(instance, run.run_id):
        pass

    assert instance.get_run_by_id(run.run_id).tags[HEARTBEAT_TAG] == "0"


def test_a_run_of_the_executor_says_that_it_lives(instance):
    with dg.execute_job(dg.reconstructable(living_job), instance) as result:
        assert result.success
        assert HEARTBEAT_TAG in instance.get_run_by_id(result.run_id).tags


def test_a_run_that_is_not_recorded_yet_is_no_trouble(instance):
    with heartbeat(instance, "00000000-0000-0000-0000-000000000000"):
        pass


def test_a_run_that_stands_still_for_some_ticks_is_ended_as_failed(instance):
    run = started(instance, **{HEARTBEAT_TAG: "7"})
    cursor = None
    for _ in range(LOST_AFTER_TICKS):
        lost, cursor = end_lost_runs(instance, cursor)
        assert lost == []
    assert status(instance, run) is dg.DagsterRunStatus.STARTED

    lost, cursor = end_lost_runs(instance, cursor)

    assert lost == [run.run_id]
    assert status(instance, run) is dg.DagsterRunStatus.FAILURE
    (event,) = [record for record in instance.all_logs(run.run_id) if record.dagster_event.is_run_failure]
    assert event.dagster_event.message == (
        "The process of this run was killed or lost: it sends no heartbeat any more."
    )
    assert end_lost_runs(instance, cursor) == ([], "{}")


def test_a_run_that_goes_on_counting_is_left_alone(instance):
    run, cursor = started(instance), None
    for sign in range(3 * LOST_AFTER_TICKS):
        instance.add_run_tags(run.run_id, {HEARTBEAT_TAG: str(sign // LOST_AFTER_TICKS)})
        lost, cursor = end_lost_runs(instance, cursor)
        assert lost == []
    assert status(instance, run) is dg.DagsterRunStatus.STARTED


def test_a_run_that_never_spoke_is_left_alone(instance):
    run, cursor = started(instance), None
    for _ in range(3 * LOST_AFTER_TICKS):
        lost, cursor = end_lost_runs(instance, cursor)
        assert lost == []
    assert status(instance, run) is dg.DagsterRunStatus.STARTED
