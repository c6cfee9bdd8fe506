"""Learn from Dagster's event log what assets did that others make: all that they do, and once what they did before."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import dagster as dg

from observe_dagster.orchestration.checks.watched.executions import ExecutionReader, execution_key
from observe_dagster.orchestration.checks.watched.expectations import AssetExpectations, Watched, as_observed
from observe_dagster.orchestration.events.follower import SETTLE, EventFollower
from observe_dagster.orchestration.resource import ObserveResource

MOST_OF_THE_PAST = 1000
"""So many earlier executions of an asset are learned at most."""

_BATCH = 200
_AT_ONCE = 50
_FOLLOWED = (dg.DagsterEventType.ASSET_MATERIALIZATION,)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedBatch:
    """What one tick learned: `known` are the assets whose past is learned, `gone` those watched no longer.

    `loaded` are the assets that were materialized since the last tick.
    """

    executions: int
    loaded: frozenset[dg.AssetKey]
    known: frozenset[dg.AssetKey]
    gone: frozenset[dg.AssetKey]


class ExecutionRecorder:
    """Records what the event log says about watched assets; recording an event again changes nothing."""

    def __init__(self, instance: dg.DagsterInstance, observe: ObserveResource) -> None:
        self._instance, self._observe = instance, observe
        self._read = ExecutionReader(instance)

    def tick(
        self, context: dg.SensorEvaluationContext, watched: Watched, *, deadline: float, settle: timedelta = SETTLE
    ) -> RecordedBatch:
        """Learn what happened since the last tick, and the past of assets that are new, as far as the time allows.

        The context's cursor passes what was recorded.
        """
        place = json.loads(context.cursor) if context.cursor else {}
        before = {dg.AssetKey(path) for path in place.get("known", ())}
        gone, known = before - watched.keys(), before & watched.keys()
        self._declare(watched, gone)
        follower = EventFollower(self._instance, _FOLLOWED, place.get("follower"), settle=settle)
        loaded = self._follow(follower, watched, deadline=deadline)
        count = len(loaded)
        for key, watch in watched.items():
            if key not in known and monotonic() < deadline:
                more, whole = self.past(key, watch, deadline=deadline)
                count += more
                known |= {key} if whole else set()
        kept = {"follower": follower.cursor, "known": sorted(list(key.path) for key in known)}
        context.update_cursor(json.dumps(kept))
        return RecordedBatch(executions=count, loaded=frozenset(loaded), known=frozenset(known), gone=frozenset(gone))

    def latest(self, keys: Collection[dg.AssetKey]) -> int:
        """Learn the latest materialization of each asset."""
        records = self._instance.get_asset_records(list(keys)) if keys else ()
        latest = (found.asset_entry.last_materialization_record for found in records)
        return self._record((record for record in latest if record is not None), is_past=False)

    def past(self, key: dg.AssetKey, watch: AssetExpectations, *, deadline: float) -> tuple[int, bool]:
        """Learn the executions that an asset's checks look back to, the oldest first; and whether that is all.

        Only the last of them is left to be judged.
        """
        *earlier, last = self._past_records(key, watch) or (None,)
        known = self._observe.ledger.watched.known_execution_keys(
            [execution_key(record) for record in earlier if record]
        )
        unknown = [record for record in earlier if record and execution_key(record) not in known]
        count = 0
        for batch in _batches(unknown, _AT_ONCE):
            if monotonic() > deadline:
                return count, False
            count += self._record(batch, is_past=True)
        return count + self._record([last] if last else [], is_past=False), True

    def _declare(self, watched: Watched, gone: Collection[dg.AssetKey]) -> None:
        ledger, now = self._observe.ledger, self._observe.clock()
        ledger.watched.upsert([as_observed(key, watch) for key, watch in watched.items()], now=now)
        if gone:
            ledger.watched.unwatch([key.to_user_string() for key in gone], now=now)

    def _follow(self, follower: EventFollower, watched: Watched, *, deadline: float) -> list[dg.AssetKey]:
        """Record what is new; returns the asset of each execution."""
        loaded: list[dg.AssetKey] = []
        while True:
            records = list(follower.take(limit=_BATCH, seconds=deadline - monotonic()))
            ours = {record.storage_id: record.asset_key for record in records if record.asset_key in watched}
            self._record((record for record in records if record.storage_id in ours), is_past=False)
            loaded.extend(key for key in ours.values() if key is not None)
            if len(records) < _BATCH or monotonic() > deadline:
                return loaded

    def _past_records(self, key: dg.AssetKey, watch: AssetExpectations) -> Sequence[dg.EventLogRecord]:
        """The oldest first."""
        since = (self._observe.clock() - timedelta(days=watch.lookback_days)).timestamp()
        wanted = dg.AssetRecordsFilter(asset_key=key, after_timestamp=since)
        fetch = self._instance.fetch_materializations
        found = fetch(wanted, limit=MOST_OF_THE_PAST).records if watch.rules else ()
        return list(reversed(found or fetch(key, limit=1).records))

    def _record(self, records: Iterable[dg.EventLogRecord], *, is_past: bool) -> int:
        executions = [self._read.execution(record, is_past=is_past) for record in records]
        if executions:
            self._observe.ledger.watched.record(executions)
        return len(executions)


def _batches(records: Sequence[dg.EventLogRecord], size: int) -> Iterator[Sequence[dg.EventLogRecord]]:
    return (records[first : first + size] for first in range(0, len(records), size))
