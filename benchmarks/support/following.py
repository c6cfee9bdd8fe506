"""Write a long event log, or follow it to its end in one of two ways; in a process of its own."""

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.support.child import peak_mb
from benchmarks.support.rounds import Answer

FOLLOWERS = ("in ticks", "page by page")
TYPES = ("materializations", "what alerts follow")
_PAGE = 1000


def child(told: Mapping[str, Any]) -> None:
    """Be one measurement."""
    print(json.dumps({"write": _write, "follow": _follow}[told["part"]](told)))


def _write(told: Mapping[str, Any]) -> Answer:
    import dagster as dg

    from benchmarks.support.event_log import write_event_log

    with dg.DagsterInstance.get() as instance:
        began = time.monotonic()
        rows = write_event_log(instance, told["url"], events=told["events"], tables=1_000)
        return {"rows": rows, "seconds": time.monotonic() - began}


def _follow(told: Mapping[str, Any]) -> Answer:
    import dagster as dg

    from observe_dagster.orchestration.events.health import FOLLOWED

    materializations = told["types"] == TYPES[0]
    types = [dg.DagsterEventType.ASSET_MATERIALIZATION] if materializations else list(FOLLOWED)
    with dg.DagsterInstance.get() as instance:
        expected = _count(types)
        book, began, before = _Book(), time.monotonic(), time.process_time()
        if told["way"] == FOLLOWERS[0]:
            _in_ticks(instance, types, book, told["tick"])
        else:
            _page_by_page(instance, types, book)
        seconds, cpu = time.monotonic() - began, time.process_time() - before
    return {
        "events": book.events,
        "missing": expected - book.events,
        "out of order": book.disorder,
        "twice": book.twice,
        "of the dying tick": book.died_with,
        "seconds": seconds,
        "cpu": cpu,
        "ticks": len(book.ticks),
        "longest tick": max(book.ticks, default=seconds),
        "peak MB": peak_mb(),
    }


class _Book:
    """What was handed over: how many events, how many again, and whether in order."""

    def __init__(self) -> None:
        self.events = self.twice = self.disorder = self.died_with = 0
        self.ticks: list[float] = []
        self._last: dict[Any, int] = {}
        self._newest: set[int] = set()

    def take(self, records: Sequence[Any], stream: str) -> None:
        for record in records:
            if record.storage_id in self._newest:
                self.twice += 1
                continue
            self.disorder += record.storage_id <= self._last.get(stream, 0)
            self._last[stream] = record.storage_id
            self.events += 1

    def die_with(self, records: Sequence[Any]) -> None:
        self.died_with = len(records)
        self._newest = {record.storage_id for record in records}


def _in_ticks(instance: Any, types: Sequence[Any], book: _Book, seconds: float) -> None:
    """As a sensor does: every tick a new follower from the cursor that was kept, batch by batch while there is time."""
    from observe_dagster.orchestration.events.follower import EventFollower
    from observe_dagster.orchestration.sensors.publishers import BATCH

    cursor = json.dumps({each.value: [0, []] for each in types})
    went_on = True
    while went_on:
        began = time.monotonic()
        follower, until = EventFollower(instance, types, cursor), began + seconds
        while True:
            records = list(follower.take(limit=BATCH, seconds=until - time.monotonic()))
            if book.events and not book.died_with:
                half = records[: len(records) // 2]
                book.take(half, "all")
                book.die_with(half)
                break
            book.take(records, "all")
            cursor = follower.cursor
            went_on = len(records) == BATCH
            if not went_on or time.monotonic() > until:
                break
        book.ticks.append(time.monotonic() - began)
        went_on = went_on or time.monotonic() > until


def _page_by_page(instance: Any, types: Sequence[Any], book: _Book) -> None:
    """As one would by hand: each type after the other, to the end."""
    import warnings

    import dagster as dg

    warnings.simplefilter("ignore")  # newer ways take one asset or one job at a time
    for kind in types:
        after: int | None = None
        while True:
            wanted = dg.EventRecordsFilter(event_type=kind, after_cursor=after)
            records = instance.get_event_records(wanted, limit=_PAGE, ascending=True)
            book.take(records, kind.value)
            if len(records) < _PAGE:
                break
            after = records[-1].storage_id


def _count(types: Sequence[Any]) -> int:
    import psycopg

    names = [each.value for each in types]
    with psycopg.connect(os.environ["OBSERVE_DATABASE_URL"]) as driver:
        query = "SELECT count(*) FROM event_logs WHERE dagster_event_type = ANY(%s)"
        row = driver.execute(query, (names,)).fetchone()
    assert row is not None
    return int(row[0])


if __name__ == "__main__":
    child(json.loads(sys.argv[2]))
