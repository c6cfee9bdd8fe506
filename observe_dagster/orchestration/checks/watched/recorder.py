"""Record the executions of watched assets from Dagster's event log: new ones, and once the earlier ones."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import dagster as dg

from observe_dagster.orchestration.checks.watched.executions import ExecutionReader, execution_key
from observe_dagster.orchestration.checks.watched.expectations import AssetExpectations, Watched, watched_asset
from observe_dagster.orchestration.events.follower import SETTLE, EventFollower
from observe_dagster.orchestration.resource import ObserveResource

MOST_OF_THE_PAST = 1000
"""At most so many earlier executions of an asset are backfilled."""

_BATCH = 200
_AT_ONCE = 50
_FOLLOWED = (dg.DagsterEventType.ASSET_MATERIALIZATION,)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedBatch:
    """What one tick recorded.

    `loaded` are the assets that were materialized since the last tick, `backfilled` those whose earlier executions are
    all recorded, `unwatched` those that are watched no longer.
    """

    executions: int
    loaded: frozenset[dg.AssetKey]
    backfilled: frozenset[dg.AssetKey]
    unwatched: frozenset[dg.AssetKey]


class ExecutionRecorder:
    """Records the executions of watched assets; idempotent."""

    def __init__(self, instance: dg.DagsterInstance, observe: ObserveResource) -> None:
        self._instance, self._observe = instance, observe
        self._read = ExecutionReader(instance)

    def tick(
        self, context: dg.SensorEvaluationContext, watched: Watched, *, deadline: float, settle_time: timedelta = SETTLE
    ) -> RecordedBatch:
        """Record what happened since the last tick, and backfill assets that are new, until `deadline`.

        The context's cursor passes what was recorded.
        """
        cursor = json.loads(context.cursor) if context.cursor else {}
        before = {dg.AssetKey(path) for path in cursor.get("known", ())}
        unwatched, backfilled = before - watched.keys(), before & watched.keys()
        ledger, now = self._observe.ledger, self._observe.clock()
        ledger.watched.upsert([watched_asset(key, watch) for key, watch in watched.items()], now=now)
        if unwatched:
            ledger.watched.unwatch([key.to_user_string() for key in unwatched], now=now)
        follower = EventFollower(self._instance, _FOLLOWED, cursor.get("follower"), settle_time=settle_time)
        loaded = self._follow(follower, watched, deadline=deadline)
        count = len(loaded)
        for key, watch in watched.items():
            if key not in backfilled and monotonic() < deadline:
                more, complete = self.past(key, watch, deadline=deadline)
                count += more
                backfilled |= {key} if complete else set()
        paths = sorted(list(key.path) for key in backfilled)
        context.update_cursor(json.dumps({"follower": follower.cursor, "known": paths}))
        return RecordedBatch(
            executions=count,
            loaded=frozenset(loaded),
            backfilled=frozenset(backfilled),
            unwatched=frozenset(unwatched),
        )

    def latest(self, keys: Collection[dg.AssetKey]) -> int:
        """Record the latest materialization of each asset."""
        records = self._instance.get_asset_records(list(keys)) if keys else ()
        latest = (asset.asset_entry.last_materialization_record for asset in records)
        return self._record((record for record in latest if record is not None), is_past=False)

    def past(self, key: dg.AssetKey, watch: AssetExpectations, *, deadline: float) -> tuple[int, bool]:
        """Backfill the executions that an asset's checks look back to, the oldest first; returns how many, and if all.

        Only the last of them is left to be judged.
        """
        *earlier, last = self._past_records(key, watch) or (None,)
        known = self._observe.ledger.watched.known_execution_keys(
            [execution_key(record) for record in earlier if record]
        )
        unknown = [record for record in earlier if record and execution_key(record) not in known]
        count = 0
        for first in range(0, len(unknown), _AT_ONCE):
            if monotonic() > deadline:
                return count, False
            count += self._record(unknown[first : first + _AT_ONCE], is_past=True)
        return count + self._record([last] if last else [], is_past=False), True

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
        fetch, filters = self._instance.fetch_materializations, dg.AssetRecordsFilter(key, after_timestamp=since)
        records = fetch(filters, limit=MOST_OF_THE_PAST).records if watch.rules else ()
        return list(reversed(records or fetch(key, limit=1).records))

    def _record(self, records: Iterable[dg.EventLogRecord], *, is_past: bool) -> int:
        executions = [self._read.execution(record, is_past=is_past) for record in records]
        if executions:
            self._observe.ledger.watched.record(executions)
        return len(executions)
