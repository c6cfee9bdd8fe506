"""Compares two datasets, wherever they are: in one statement where one session sees both, else by checksums of buckets.

Across databases each side deals its rows into buckets by key and sums their hashes; only rows of buckets that differ
are copied to a temporary DuckDB file and compared there. Equal hashes mean equal values, so no option can hide a
difference; options that make more values equal only cost copying.
"""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Literal, TextIO, TypeVar

from observe_dagster.checks.diff import (
    ColumnStats,
    DifferingRow,
    DiffSummary,
    PrimaryKeys,
    Sampled,
    Values,
    align,
    judge,
    part_to_compare,
)
from observe_dagster.config.models.diff import DataDiffConfig, DiffAlertCondition
from observe_dagster.config.project import Project
from observe_dagster.errors import WarehouseError
from observe_dagster.monitoring.diff.columns import Dataset, compared, dataset_of, keys_are_unique
from observe_dagster.monitoring.diff.rows import materialized_to, write_rows
from observe_dagster.records import Outcome, QueryLog
from observe_dagster.warehouse import OpenOptions, QueryRecorder, Reader, open_warehouse
from observe_dagster.warehouse.diff.comparison import Buckets, Expressions, KeyStats, Side
from observe_dagster.warehouse.diff.statements import JoinStatements, Rows, SideStatements

SAMPLE_ROWS = 100
_ROWS_PER_BUCKET = 32
_MOST_BUCKETS = 65_536
_ALL_OF_THEM = 0.6
_MILLION = 1_000_000
_LARGEST = 2**62
_SIDES: tuple[Side, Side] = ("a", "b")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffResult:
    """What a diff found: counts, some of the differing rows, and every statement that was sent.

    `method` is join or buckets; `copied` are the rows of a and of b that had to be copied to be compared.
    """

    summary: DiffSummary
    sample: tuple[DifferingRow, ...]
    columns: tuple[str, ...]
    method: Literal["join", "buckets"]
    copied: tuple[int, int]
    judged_at: datetime
    statements: tuple[QueryLog, ...] = ()
    materialized: str | None = None


def diff(
    project: Project,
    config: DataDiffConfig,
    *,
    now: datetime,
    options: OpenOptions | None = None,
    sample_rows: int = SAMPLE_ROWS,
    across: bool = False,
) -> DiffResult:
    """Compare the datasets of `config`; `across` compares them as if they were in two databases even if they are not.

    Raises WarehouseError when a dataset cannot be read or has no such column, NotFoundError for an unknown connection.
    """
    queries = QueryRecorder()
    opening = replace(options or OpenOptions(), queries=queries)
    target = materialized_to(config)
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n") as spool:
        with ExitStack() as sessions:
            datasets = _open(project, config, opening, sessions)
            comparison = _Comparison(config, datasets, across=across, sample_rows=sample_rows)
            result = comparison.run(now, None if target is None else spool)
        # A DuckDB file can be written only when nobody reads it any more.
        written = None if target is None else write_rows(project, target, config, spool, now=now, options=opening)
    return replace(result, materialized=written, statements=queries.drain())


def outcome_of(alert: DiffAlertCondition | None, result: DiffResult) -> Outcome:
    """Judge what was found, with the sample of differing rows as evidence."""
    outcome = judge(alert, result.summary)
    evidence = {**outcome.evidence, "method": result.method, "sample": [asdict(row) for row in result.sample]}
    return replace(outcome, evidence=evidence)


def _open(
    project: Project, config: DataDiffConfig, options: OpenOptions, sessions: ExitStack
) -> tuple[Dataset, Dataset]:
    warehouse_a = open_warehouse(project.connection(config.dataset_a.connection_id))
    reader_a = sessions.enter_context(warehouse_a.reader(options))
    a = dataset_of(config.dataset_a, reader_a)
    if config.dataset_b.connection_id == config.dataset_a.connection_id:
        return a, dataset_of(config.dataset_b, reader_a)
    warehouse_b = open_warehouse(project.connection(config.dataset_b.connection_id))
    reader_b = sessions.enter_context(warehouse_b.reader(options))
    return a, dataset_of(config.dataset_b, reader_b)


class _Comparison:
    """One diff, step by step."""

    def __init__(
        self, config: DataDiffConfig, datasets: tuple[Dataset, Dataset], *, across: bool, sample_rows: int
    ) -> None:
        self._config, self._sample_rows = config, sample_rows
        self._a, self._b = datasets
        self._apart = self._a.reader is not self._b.reader
        self._across = across or (self._apart and not _same_place(self._a.reader, self._b.reader))
        self._aligned = align(
            config,
            self._a.columns,
            self._b.columns,
            folded=any(side.reader.dialect.ignores_case for side in datasets),
        )
        dialect = None if self._across else self._a.reader.dialect
        self._keys, self._columns = compared(config, self._aligned, dialect=dialect)
        # Only engines of one kind have one fast hash.
        self._portable = self._a.reader.dialect is not self._b.reader.dialect
        self._unique = {
            side: keys_are_unique(dataset, [column.of(side).name for column in self._keys])
            for side, dataset in zip(_SIDES, datasets, strict=True)
        }
        self._spool: TextIO | None = None

    def run(self, now: datetime, spool: TextIO | None) -> DiffResult:
        """Compare, and sum up; all differing rows are written to `spool`, if given, as lines of JSON."""
        self._spool = spool
        ranged = len(self._keys) == 1 and self._keys[0].domain.value == "integer"
        stats = self._stats(_MILLION, ranged=ranged)
        sampled = part_to_compare(self._config.sampling, (stats["a"].rows, stats["b"].rows))
        part = _MILLION
        if sampled is not None:
            part = max(1, round(sampled.rate * _MILLION))
            sampled = replace(sampled, rate=part / _MILLION)
            stats = self._stats(part, ranged=ranged)
        found = self._by_buckets(stats, part, ranged=ranged) if self._across else self._by_join(stats, part)
        return self._result(stats, sampled, found, now)

    def _stats(self, part: int, *, ranged: bool) -> dict[Side, KeyStats]:
        def ask(side: Side) -> KeyStats:
            text = self._side(side, part).stats(unique=self._unique[side], ranged=ranged)
            rows, nulls, distinct, low, high = self._reader(side).rows(text)[0]
            return KeyStats(rows=rows, nulls=nulls, distinct=distinct, low=low, high=high)

        return self._both(ask)

    def _by_join(self, stats: Mapping[Side, KeyStats], part: int) -> "_Found":
        a, b = (self._side(side, part).projected() for side in _SIDES)
        return self._joined(self._a.reader, self._a.reader.expressions(), a, b, stats)

    def _by_buckets(self, stats: Mapping[Side, KeyStats], part: int, *, ranged: bool) -> "_Found":
        dealt = _dealt(stats, ranged=ranged)

        def ask(side: Side) -> dict[int, tuple[int, int]]:
            text = self._side(side, part).buckets(dealt)
            return {int(bucket): (count, int(total)) for bucket, count, total in self._reader(side).rows(text)}

        sums = self._both(ask)
        in_a, in_b = sums["a"], sums["b"]
        differing = [number for number in in_a.keys() | in_b.keys() if in_a.get(number) != in_b.get(number)]
        if not differing:
            return _Found(counts=(0,) * (3 + len(self._columns)), rows=(), keyless=(0, 0), copied=(0, 0))
        rows = sum(sums[side].get(number, (0, 0))[0] for side in _SIDES for number in differing)
        most = rows > _ALL_OF_THEM * (stats["a"].rows + stats["b"].rows)
        chosen = None if most else differing

        from observe_dagster.warehouse.duckdb.comparison import STAGED_AS, DuckDBExpressions
        from observe_dagster.warehouse.duckdb.scratch import Scratch

        with Scratch() as scratch:

            def copy(side: Side) -> int:
                return self._reader(side).export(self._side(side, part).of_buckets(dealt, chosen), scratch.path(side))

            types = {f"k{i}": STAGED_AS.get(key.domain, "VARCHAR") for i, key in enumerate(self._keys)}
            types |= {f"c{i}": STAGED_AS.get(column.domain, "VARCHAR") for i, column in enumerate(self._columns)}
            copied = self._both(copy)
            for side in _SIDES:
                scratch.take(side, types)
            held = self._joined(scratch, DuckDBExpressions(), "SELECT * FROM a", "SELECT * FROM b", stats)
        return replace(held, copied=(copied["a"], copied["b"]))

    def _joined(
        self, asked: Rows, expressions: Expressions, a: str, b: str, stats: Mapping[Side, KeyStats]
    ) -> "_Found":
        statements = JoinStatements(
            expressions,
            a,
            b,
            self._keys,
            self._columns,
            duplicates=any(stats[side].duplicates for side in _SIDES),
            compare_duplicates=self._config.compare_duplicates,
        )
        rows = asked.rows(statements.counts_and_sample(self._sample_rows))
        if self._spool is not None:
            for batch in asked.stream(statements.differing_rows()):
                self._spool.writelines(f"{json.dumps(asdict(self._row(row)))}\n" for row in batch)
        width = 3 + len(self._columns)
        counts = next(row[1 : 1 + width] for row in rows if row[0] == 0)
        nulls_a, nulls_b = stats["a"].nulls, stats["b"].nulls
        keyless = (nulls_a, nulls_b)
        if nulls_a and nulls_b:
            keyless = asked.rows(statements.keyless())[0]
        return _Found(
            counts=tuple(int(count) for count in counts),
            rows=tuple(self._row(row[1:]) for row in rows if row[0] == 1),
            keyless=(int(keyless[0]), int(keyless[1])),
            copied=(0, 0),
        )

    def _row(self, row: Sequence[object]) -> DifferingRow:
        names, width = [column.a.name for column in self._columns], len(self._columns)
        flags, texts = row[: 3 + width], [None if text is None else str(text) for text in row[3 + width :]]
        key = {column.a.name: text for column, text in zip(self._keys, texts, strict=False)}
        texts = texts[len(key) :]
        a, b = (dict(zip(names, part, strict=True)) for part in (texts[:width], texts[width:]))
        if flags[0]:
            return DifferingRow(key=key, difference="only_in_a", a=a, b={})
        if flags[1]:
            return DifferingRow(key=key, difference="only_in_b", a={}, b=b)
        changed = [name for name, flag in zip(names, flags[3:], strict=True) if flag]
        return DifferingRow(
            key=key, difference="changed", a={name: a[name] for name in changed}, b={name: b[name] for name in changed}
        )

    def _result(
        self, stats: Mapping[Side, KeyStats], sampled: Sampled | None, found: "_Found", now: datetime
    ) -> DiffResult:
        a, b = stats["a"], stats["b"]
        only_a, only_b, changed, *differing = found.counts
        only_first = not self._config.compare_duplicates and (a.duplicates or b.duplicates)
        matched = (a.distinct if only_first else a.rows - a.nulls) - only_a
        values = Values(
            total_rows=matched,
            rows_with_differences=changed,
            columns_diff_stats=tuple(
                ColumnStats(
                    column_name=column.a.name,
                    values_different=count,
                    match=100.0 if not matched else 100 * (1 - count / matched),
                )
                for column, count in zip(self._columns, differing, strict=True)
            ),
        )
        summary = DiffSummary(
            pks=PrimaryKeys(
                total_rows=(a.rows, b.rows),
                nulls=(a.nulls, b.nulls),
                dupes=(a.duplicates, b.duplicates),
                exclusives=(only_a, only_b),
                distincts=(a.distinct, b.distinct),
                nulls_exclusives=found.keyless,
            ),
            values=values,
            schema=self._aligned.schema,
            shared_columns=len(self._keys) + len(self._columns),
            sampled=sampled,
        )
        return DiffResult(
            summary=summary,
            sample=found.rows,
            columns=tuple(column.a.name for column in self._columns),
            method="buckets" if self._across else "join",
            copied=found.copied,
            judged_at=now,
        )

    def _side(self, side: Side, part: int) -> SideStatements:
        dataset = self._a if side == "a" else self._b
        return SideStatements(
            self._reader(side).expressions(),
            dataset.query,
            side,
            self._keys,
            self._columns,
            part=part,
            portable=self._portable,
        )

    def _reader(self, side: Side) -> Reader:
        return self._b.reader if side == "b" and (self._across or self._apart) else self._a.reader

    def _both(self, ask: Callable[[Side], _Answer]) -> dict[Side, _Answer]:
        """Ask both sides, at the same time where each has a session of its own."""
        if not self._apart:
            return {side: ask(side) for side in _SIDES}
        with ThreadPoolExecutor(max_workers=1) as pool:
            other = pool.submit(ask, "b")
            try:
                mine = ask("a")
            finally:
                theirs = other.exception()
            if theirs is not None:
                raise theirs
            return {"a": mine, "b": other.result()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Counts (only in a, only in b, changed, then per column), sampled rows, and unmatched rows without a key."""

    counts: tuple[int, ...]
    rows: tuple[DifferingRow, ...]
    keyless: tuple[int, int]
    copied: tuple[int, int]


def _same_place(a: Reader, b: Reader) -> bool:
    if a.dialect is not b.dialect:
        return False
    try:
        return a.database_identity() == b.database_identity()
    except WarehouseError:
        return False


def _dealt(stats: Mapping[Side, KeyStats], *, ranged: bool) -> Buckets:
    rows = max(stats["a"].rows, stats["b"].rows)
    count = max(1, min(_MOST_BUCKETS, rows // _ROWS_PER_BUCKET))
    lows = [side.low for side in stats.values() if side.low is not None]
    highs = [side.high for side in stats.values() if side.high is not None]
    if ranged and lows and max(highs) - min(lows) < _LARGEST:
        width = -(-(max(highs) - min(lows) + 1) // count)
        return Buckets(count=count, low=min(lows), width=width)
    return Buckets(count=count)
