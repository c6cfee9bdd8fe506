"""Follows Dagster's event log: every event of some types, in order, once, across restarts.

Ids are given out before events are committed, so a higher id may be seen before a lower one. Two things keep such an
event from being lost: nothing younger than the settle time is read, and what was read in the last minute is read
again by the next follower, by then known by its id. The cursor is small JSON and holds, for each type, up to where
everything was acknowledged and which events after that were.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from time import monotonic, time
from typing import Any

import dagster as dg

SETTLE = timedelta(seconds=5)
OVERLAP = timedelta(minutes=1)
MOST_REMEMBERED = 500
"""So many events of a type are remembered by id at most; with more in a minute the overlap gets shorter."""

_READ_AHEAD = 500

_Read = Callable[[int, int], Sequence[dg.EventLogRecord]]
"""Gives the events after an id, at most so many."""


class _Stream:
    """One type of events: all up to `floor` were acknowledged, and `seen` beyond it; some more are read ahead."""

    def __init__(self, read: _Read, floor: int, seen: Sequence[int] = (), *, overlap: float) -> None:
        self.floor, self.seen = floor, set(seen)
        self._read, self._overlap = read, overlap
        self._ahead: deque[dg.EventLogRecord] = deque()
        self._read_to, self._read_at, self._dry = floor, 0.0, False

    def as_json(self) -> list[Any]:
        return [self.floor, sorted(self.seen)]

    def poll_again(self) -> None:
        """Read the log again, even if it had no more events before."""
        self._dry = False

    def next(self) -> dg.EventLogRecord | None:
        """The first event that was not acknowledged; None when the log has no more of them."""
        while not self._ahead and not self._dry:
            limit, self._read_at = _READ_AHEAD + len(self.seen), time()
            records = self._read(self._read_to, limit)
            self._dry = len(records) < limit
            self._read_to = records[-1].storage_id if records else self._read_to
            self._ahead.extend(record for record in records if record.storage_id not in self.seen)
        return self._ahead[0] if self._ahead else None

    def ack(self) -> None:
        """Acknowledge the first event; its id is not remembered when it was old already as it was read."""
        record = self._ahead.popleft()
        self.seen.add(record.storage_id)
        if record.timestamp < self._read_at - self._overlap:
            self._raise(record.storage_id)
        elif len(self.seen) > MOST_REMEMBERED:
            self._raise(min(self.seen))

    def _raise(self, floor: int) -> None:
        self.floor = max(self.floor, floor)
        self.seen = {storage_id for storage_id in self.seen if storage_id > self.floor}


class EventFollower:
    """Reads the events after a cursor, the oldest first. `cursor` passes an event when the next one is asked for.

    Keep the cursor only when what was taken has been processed: after an exception the one before is still right.

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
        settle_time: timedelta = SETTLE,
        overlap: timedelta = OVERLAP,
    ) -> None:
        self._storage, self._settle = instance.event_log_storage, settle_time.total_seconds()
        kept: dict[str, list[Any]] = json.loads(cursor) if cursor else {}
        self._streams: dict[str, _Stream] = {}
        for each in types:
            position = kept.get(each.value) or [self._newest(each)]
            read = partial(self._records, each)
            self._streams[each.value] = _Stream(read, *position, overlap=overlap.total_seconds())

    @property
    def cursor(self) -> str:
        """How far it got. A type that was not followed before starts at the end of the log, not at its beginning."""
        return json.dumps({name: stream.as_json() for name, stream in sorted(self._streams.items())})

    def take(self, *, limit: int, seconds: float = float("inf")) -> Iterator[dg.EventLogRecord]:
        """Give up to `limit` events; asks for no further one once `seconds` are over."""
        until, count = monotonic() + seconds, 0
        for stream in self._streams.values():
            stream.poll_again()
        while count < limit and monotonic() <= until:
            pending = [(record, stream) for stream in self._streams.values() if (record := stream.next()) is not None]
            if not pending:
                return
            record, stream = min(pending, key=lambda each: each[0].storage_id)
            if record.timestamp > time() - self._settle:
                return
            yield record
            count += 1
            stream.ack()

    def _newest(self, kind: dg.DagsterEventType) -> int:
        newest = self._records(kind, None, 1, ascending=False)
        return newest[0].storage_id if newest else 0

    def _records(
        self, kind: dg.DagsterEventType, after: int | None, limit: int, *, ascending: bool = True
    ) -> Sequence[dg.EventLogRecord]:
        from observe_dagster.orchestration.instance.dagster_private import SqlEventLogStorage

        # SQLite keeps each run's events in a file of its own and refuses ids as cursors for some types; the method of
        # the base class reads the shared file, where events of assets, checks and run statuses are all mirrored.
        storage, filters = self._storage, dg.EventRecordsFilter(event_type=kind, after_cursor=after)
        if isinstance(storage, SqlEventLogStorage):
            return SqlEventLogStorage.get_event_records(storage, filters, limit=limit, ascending=ascending)
        return storage.get_event_records(filters, limit=limit, ascending=ascending)
