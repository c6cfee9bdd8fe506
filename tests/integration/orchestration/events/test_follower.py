"""Following the event log: nothing is lost and nothing comes twice, on SQLite and PostgreSQL."""

import contextlib
import gc
from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import psycopg
import pytest
from dagster._core.storage.event_log import SqlEventLogStorage

from observe_dagster.embedded import create_database
from observe_dagster.orchestration.events import follower as module
from observe_dagster.orchestration.events.follower import EventFollower

CHECKS, MADE, FAILED = (
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.RUN_FAILURE,
)
NOW = timedelta()


@pytest.fixture(scope="module")
def storage_url(postgres_url: str) -> str:
    """A database for Dagster's own storage."""
    return create_database(postgres_url, "follower_storage")


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def instance(
    request: pytest.FixtureRequest, storage_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dg.DagsterInstance]:
    """An instance on either storage."""
    overrides = {}
    if request.param == "postgres":
        url = storage_url.replace("postgresql://", "postgresql+psycopg2://", 1)
        overrides = {"storage": {"postgres": {"postgres_url": url}}}
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster")), overrides=overrides) as opened:
        yield opened
    gc.collect()


def follow(
    instance: dg.DagsterInstance, cursor: str | None = None, settle_time: timedelta = NOW, **options: timedelta
) -> EventFollower:
    return EventFollower(instance, [CHECKS, MADE, FAILED], cursor, settle_time=settle_time, **options)


def evaluate(instance: dg.DagsterInstance, *names: str) -> None:
    for name in names:
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(asset_key=dg.AssetKey("orders"), check_name=name, passed=True)
        )


def make(instance: dg.DagsterInstance, *names: str) -> None:
    for name in names:
        instance.report_runless_asset_event(dg.AssetMaterialization(asset_key=dg.AssetKey(name)))


def said(record: dg.EventLogRecord) -> str:
    entry = record.event_log_entry
    if entry.asset_check_evaluation is not None:
        return entry.asset_check_evaluation.check_name
    if entry.asset_materialization is not None:
        return entry.asset_materialization.asset_key.to_user_string()
    return "run failed"


def take(follower: EventFollower, limit: int = 100, **options: float) -> list[str]:
    return [said(record) for record in follower.take(limit=limit, **options)]


def test_the_first_time_it_starts_at_the_end(instance):
    evaluate(instance, "before")
    first = follow(instance)

    assert take(first) == []
    evaluate(instance, "after")
    assert take(follow(instance, first.cursor)) == ["after"]


def test_events_of_all_types_come_in_their_order_and_once(instance):
    start = follow(instance).cursor
    make(instance, "a")
    evaluate(instance, "b")
    make(instance, "c")
    evaluate(instance, "d")

    follower = follow(instance, start)
    assert take(follower) == ["a", "b", "c", "d"]
    assert take(follower) == []
    assert take(follow(instance, follower.cursor)) == []


def test_run_events_and_events_inside_of_runs_are_followed(instance):
    @dg.asset
    def broken() -> None:
        raise ValueError

    start = follow(instance).cursor
    dg.materialize([broken], instance=instance, raise_on_error=False)

    assert take(follow(instance, start)) == ["run failed"]


def test_a_backlog_is_followed_in_batches_without_a_gap(instance):
    cursor = follow(instance).cursor
    names = [f"n{number}" for number in range(11)]
    for number, name in enumerate(names):
        (evaluate if number % 3 else make)(instance, name)

    found: list[list[str]] = []
    for _ in range(4):
        follower = follow(instance, cursor)
        found.append(take(follower, limit=4))
        cursor = follower.cursor

    assert [name for batch in found for name in batch] == names
    assert [len(batch) for batch in found] == [4, 4, 3, 0]


def test_each_event_of_a_backlog_is_read_once_however_many_types_there_are(instance, monkeypatch):
    monkeypatch.setattr(module, "_READ_AHEAD", 4)
    follower, names = follow(instance), [f"r{number}" for number in range(20)]
    for number, name in enumerate(names):
        (evaluate if number % 4 else make)(instance, name)
    read: list[int] = []
    records = SqlEventLogStorage.get_event_records

    def counted(*given: object, **options: object) -> object:
        found = records(*given, **options)  # pyright: ignore[reportArgumentType, reportCallIssue]
        read.extend(record.storage_id for record in found)
        return found

    monkeypatch.setattr(SqlEventLogStorage, "get_event_records", counted)
    taken = [name for _ in range(7) for name in take(follower, limit=3)]

    assert taken == names
    assert len(read) == len(set(read)) == len(names)


def test_an_exception_mid_batch_loses_nothing(instance):
    start = follow(instance).cursor
    evaluate(instance, "a", "b", "c")
    follower, done = follow(instance, start), []

    with contextlib.suppress(RuntimeError):
        for record in follower.take(limit=10):
            if said(record) == "b":
                raise RuntimeError
            done.append(said(record))

    assert done + take(follow(instance, follower.cursor)) == ["a", "b", "c"]


def test_what_is_too_young_waits(instance):
    start = follow(instance).cursor
    evaluate(instance, "young")

    follower = follow(instance, start, settle_time=timedelta(hours=1))
    assert take(follower) == []
    assert take(follow(instance, follower.cursor)) == ["young"]


def test_nothing_is_asked_for_once_the_time_is_up(instance):
    start = follow(instance).cursor
    evaluate(instance, "a")

    assert take(follow(instance, start), seconds=-1) == []
    assert take(follow(instance, start), seconds=10) == ["a"]


def test_an_event_that_became_visible_late_is_found_by_the_overlap(instance, storage_url):
    if "Postgres" not in type(instance.event_log_storage).__name__:
        pytest.skip("SQLite commits one after the other")
    start = follow(instance).cursor
    with psycopg.connect(storage_url, autocommit=True) as direct:
        (late,) = direct.execute("SELECT nextval('event_logs_id_seq')").fetchone() or (0,)
        evaluate(instance, "early")
        follower = follow(instance, start)
        assert take(follower) == ["early"]
        evaluate(instance, "template")
        direct.execute(
            "INSERT INTO event_logs (id, run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition) "
            "SELECT %s, run_id, replace(event, 'template', 'late'), dagster_event_type, timestamp, step_key, "
            "asset_key, partition FROM event_logs ORDER BY id DESC LIMIT 1",
            (late,),
        )

    assert take(follow(instance, follower.cursor)) == ["late", "template"]


def test_the_cursor_stays_small_and_still_exact(instance, monkeypatch):
    monkeypatch.setattr(module, "MOST_REMEMBERED", 3)
    follower = follow(instance)
    names = [f"m{number}" for number in range(9)]
    evaluate(instance, *names)

    assert take(follower) == names
    assert take(follower) == []
    assert len(follower.cursor) < 200


def test_what_is_older_than_the_overlap_is_not_remembered(instance):
    follower = follow(instance, overlap=NOW)
    evaluate(instance, "a", "b")

    assert take(follower) == ["a", "b"]
    assert '"ASSET_CHECK_EVALUATION": [' in follower.cursor
    assert follower.cursor.count("[]") == 3


def test_a_type_that_is_added_later_starts_at_its_end(instance):
    only_checks = EventFollower(instance, [CHECKS], None, settle_time=NOW)
    make(instance, "old")
    evaluate(instance, "new")

    assert take(follow(instance, only_checks.cursor)) == ["new"]
