"""Follows Dagster's event log: every event of some types, in order, once, across restarts.

Ids are given out before events are committed, so a higher id may be seen before a lower one. Two things keep such an
event from being lost: nothing younger than the settle time is read, and what was read in the last minute is read
again, by then known by its id. The cursor is small JSON and holds, for each type, up to where everything was handed
over and which events after that were.
"""

import heapq
import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from time import monotonic, time
from typing import Any

import dagster as dg
from dagster._core.storage.event_log import SqlEventLogStorage

SETTLE = timedelta(seconds=5)
OVERLAP = timedelta(minutes=1)
MOST_REMEMBERED = 500
"""So many events of a type are remembered by id at most; with more in a minute the overlap gets shorter."""


class _Place:
    """How far one type was read: all up to `floor`, and `seen` beyond it."""

    def __init__(self, floor: int, seen: Sequence[int] = ()) -> None:
        self.floor, self.seen = floor, set(seen)

    def as_json(self) -> list[Any]:
        return [self.floor, sorted(self.seen)]

    def hand_over(self, storage_id: int, *, is_old: bool) -> None:
        self.seen.add(storage_id)
        if is_old:
            self._raise(storage_id)
        elif len(self.seen) > MOST_REMEMBERED:
            self._raise(min(self.seen))

    def _raise(self, floor: int) -> None:
        self.floor = max(self.floor, floor)
        self.seen = {storage_id for storage_id in self.seen if storage_id > self.floor}


class EventFollower:
    """Reads the events after a cursor, the oldest first. `cursor` passes an event when the next one is asked for.

    Keep the cursor only when what was taken has been dealt with: after an exception the one before is still right.

    Example:
        >>> follower = EventFollower(context.instance, [dg.DagsterEventType.ASSET_MATERIALIZATION], context.cursor)
        >>> for record in follower.take(limit=100, seconds=20):
        ...     send(record)
        >>> context.update_cursor(follower.cursor)
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        types: Sequence[dg.DagsterEventType],
        cursor: str | None,
        *,
        settle: timedelta = SETTLE,
        overlap: timedelta = OVERLAP,
    ) -> None:
        self._storage = instance.event_log_storage
        self._types = {each.value: each for each in types}
        self._settle, self._overlap = settle.total_seconds(), overlap.total_seconds()
        kept: dict[str, list[Any]] = json.loads(cursor) if cursor else {}
        self._places = {name: _Place(*place) for name, place in kept.items() if name in self._types}
        for name in self._types.keys() - self._places.keys():
            self._places[name] = _Place(self._newest(name))

    @property
    def cursor(self) -> str:
        """How far it got. A type that was not followed before starts at the end of the log, not at its beginning."""
        return json.dumps({name: place.as_json() for name, place in sorted(self._places.items())})

    def take(self, *, limit: int, seconds: float = float("inf")) -> Iterator[dg.EventLogRecord]:
        """Give up to `limit` events; asks for no further one once `seconds` are over."""
        until, now, given = monotonic() + seconds, time(), 0
        streams = [self._read(name, limit) for name in self._types]
        for record in heapq.merge(*streams, key=lambda record: record.storage_id):
            if given >= limit or monotonic() > until or record.timestamp > now - self._settle:
                return
            place = self._places[_type_name(record)]
            if record.storage_id not in place.seen:
                yield record
                given += 1
            place.hand_over(record.storage_id, is_old=record.timestamp < now - self._overlap)

    def _read(self, name: str, limit: int) -> Sequence[dg.EventLogRecord]:
        place = self._places[name]
        return self._records(name, after=place.floor, limit=limit + len(place.seen), ascending=True)

    def _newest(self, name: str) -> int:
        newest = self._records(name, after=None, limit=1, ascending=False)
        return newest[0].storage_id if newest else 0

    def _records(self, name: str, *, after: int | None, limit: int, ascending: bool) -> Sequence[dg.EventLogRecord]:
        # SQLite keeps each run's events in a file of its own and refuses ids as cursors for some types; the method of
        # the base class reads the shared file, where events of assets, checks and run statuses are all mirrored.
        storage, wanted = self._storage, dg.EventRecordsFilter(event_type=self._types[name], after_cursor=after)
        if isinstance(storage, SqlEventLogStorage):
            return SqlEventLogStorage.get_event_records(storage, wanted, limit=limit, ascending=ascending)
        return storage.get_event_records(wanted, limit=limit, ascending=ascending)


def _type_name(record: dg.EventLogRecord) -> str:
    event = record.event_log_entry.dagster_event
    assert event is not None
    return event.event_type_value
