"""The statements of a diff, the same in every engine but for the expressions of values.

Each side is first `projected`: keys `k0`, `k1`, … and compared values `c0`, `c1`, …, in the terms in which they are
compared. Rows without a whole key cannot be matched, and are compared as whole rows.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from observe_dagster.warehouse.diff.comparison import Buckets, ComparedColumn, Expressions, Side

_TEXTUAL = ("text", "json", "native")
_SAMPLED_OF = 1_000_000


class Rows(Protocol):
    """Whoever answers a query."""

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Run a query whose answer is small."""
        ...

    def stream(self, query: str) -> Iterator[list[tuple[Any, ...]]]:
        """Run a query whose answer may be large; give its rows in batches."""
        ...


class SideStatements:
    """What one side is asked on its own. `query` is a SELECT; `part` is how many rows of a million are looked at."""

    def __init__(
        self,
        expressions: "Expressions",
        query: str,
        side: "Side",
        keys: "Sequence[ComparedColumn]",
        columns: "Sequence[ComparedColumn]",
        *,
        part: int = _SAMPLED_OF,
        portable: bool = False,
    ) -> None:
        self._expressions, self._keys, self._columns = expressions, tuple(keys), tuple(columns)
        self._side: Side = side
        self._part, self._portable = part, portable
        self._rows = f"(\n{query}\n) AS model"

    def projected(self, condition: str | None = None, *, escaped: bool = False) -> str:
        """Keys and values as they are compared; `escaped` text has no line breaks."""

        def field(column: "ComparedColumn") -> str:
            value = self._value(column)
            return escape(value) if escaped and column.domain.value in _TEXTUAL else value

        fields = [f"{field(column)} AS k{i}" for i, column in enumerate(self._keys)]
        fields += [f"{field(column)} AS c{i}" for i, column in enumerate(self._columns)]
        return f"SELECT {', '.join(fields)} FROM {self._rows}{self._where(condition)}"

    def stats(self, *, unique: bool, ranged: bool) -> str:
        """Rows, rows with a null key, distinct keys, and the least and greatest key where it is `ranged`."""
        keys = self._key_values()
        null = " OR ".join(f"{key} IS NULL" for key in keys)
        low, high = (f"min({keys[0]})", f"max({keys[0]})") if ranged else ("NULL", "NULL")
        totals = (
            f"SELECT count(*) AS n, count(*) FILTER (WHERE {null}) AS nulls, {low} AS low, {high} AS high"
            f" FROM {self._rows}{self._where()}"
        )
        if unique:
            return f"SELECT n, nulls, n - nulls, low, high FROM ({totals}) AS t"
        grouped = f"SELECT 1 FROM {self._rows}{self._where(f'NOT ({null})')} GROUP BY {', '.join(keys)}"
        return f"SELECT n, nulls, (SELECT count(*) FROM ({grouped}) AS g), low, high FROM ({totals}) AS t"

    def buckets(self, dealt: "Buckets") -> str:
        """For each bucket its rows' number and the sum of their hashes."""
        row = self._expressions.hashed(self._row_text([*self._keys, *self._columns]), portable=self._portable)
        hashed = f"SELECT {self.bucket(dealt)} AS bucket, {row} AS h FROM {self._rows}{self._where()}"
        return f"SELECT bucket, count(*), sum(h) FROM ({hashed}) AS hashed GROUP BY bucket"

    def bucket(self, dealt: "Buckets") -> str:
        """The number of a row's bucket; -1 for a row without a whole key."""
        keys = self._key_values()
        null = " OR ".join(f"{key} IS NULL" for key in keys)
        if dealt.low is not None:
            number = _divided(f"{keys[0]} - ({dealt.low})", dealt.width, self._expressions.engine)
        else:
            number = f"{self._expressions.hashed(self._row_text(self._keys), portable=True)} % {dealt.count}"
        return f"CASE WHEN {null} THEN -1 ELSE {number} END"

    def of_buckets(self, dealt: "Buckets", numbers: "Sequence[int] | None") -> str:
        """The rows of some buckets, as they are compared but with text escaped; None for all buckets."""
        if numbers is None:
            return self.projected(escaped=True)
        if dealt.low is not None and (ranges := _ranges(numbers)) is not None:
            key = self._key_values()[0]
            bounds = [
                f"{key} BETWEEN {dealt.low + first * dealt.width} AND {dealt.low + (last + 1) * dealt.width - 1}"
                if first >= 0
                else f"{key} IS NULL"
                for first, last in ranges
            ]
            return self.projected(" OR ".join(bounds), escaped=True)
        return self.projected(self._expressions.one_of(self.bucket(dealt), list(numbers)), escaped=True)

    def _key_values(self) -> list[str]:
        return [self._value(column) for column in self._keys]

    def _value(self, column: "ComparedColumn") -> str:
        return self._expressions.value(column.of(self._side), column.domain, portable=column.portable)

    def _row_text(self, columns: "Sequence[ComparedColumn]") -> str:
        return row_text(self._expressions, [(self._value(column), column) for column in columns])

    def _where(self, condition: str | None = None) -> str:
        tests = [f"({condition})"] if condition else []
        if self._part < _SAMPLED_OF:
            hashed = self._expressions.hashed(self._row_text(self._keys), portable=True)
            tests.append(f"{hashed} % {_SAMPLED_OF} < {self._part}")
        return f" WHERE {' AND '.join(tests)}" if tests else ""


class JoinStatements:
    """What is asked of both sides at once, given a SELECT of each one's projected rows.

    Names of its own begin with `observe_`, so that none hides a table of the datasets.
    """

    def __init__(
        self,
        expressions: "Expressions",
        a: str,
        b: str,
        keys: "Sequence[ComparedColumn]",
        columns: "Sequence[ComparedColumn]",
        *,
        duplicates: bool,
        compare_duplicates: bool,
    ) -> None:
        self._expressions, self._keys, self._columns = expressions, tuple(keys), tuple(columns)
        self._numbered, self._only_first = duplicates, duplicates and not compare_duplicates
        self._a, self._b = a, b

    def counts_and_sample(self, sample: int) -> str:
        """One row of counts, then up to `sample` differing rows in the order of their keys.

        Columns: part (0 counts, 1 row), only in a, only in b, in both but different, one per compared column whether
        it differs; then as text the keys, a's values and b's values. Flags of a sampled row are 0 or 1.
        """
        counted = ", ".join(f"count(*) FILTER (WHERE {flag})" for flag in self._flags())
        flags, shown = self._row_fields()
        texts = len(self._keys) + 2 * len(self._columns)
        order = ", ".join(f"k{i}" for i in range(len(self._keys)))
        rows = f"SELECT * FROM observe_differing ORDER BY {order} LIMIT {sample}"
        return (
            f"WITH {self._differing(materialized=True)}\n"
            f"SELECT 0, {counted}{', CAST(NULL AS text)' * texts} FROM observe_differing\n"
            f"UNION ALL SELECT 1, {flags}, {shown} FROM ({rows}) AS sampled"
        )

    def differing_rows(self) -> str:
        """All differing rows, with the columns of `counts_and_sample` but for the first."""
        flags, shown = self._row_fields()
        return f"WITH {self._differing(materialized=False)}\nSELECT {flags}, {shown} FROM observe_differing"

    def _row_fields(self) -> tuple[str, str]:
        keys, columns = range(len(self._keys)), range(len(self._columns))
        shown = [self._shown(f"k{i}", self._keys[i]) for i in keys]
        shown += [self._shown(f"{side}{i}", self._columns[i]) for side in "ab" for i in columns]
        return ", ".join(f"CASE WHEN {flag} THEN 1 ELSE 0 END" for flag in self._flags()), ", ".join(shown)

    def _flags(self) -> list[str]:
        return ["only_a", "only_b", "changed", *(f"d{i}" for i in range(len(self._columns)))]

    def keyless(self) -> str:
        """How many rows without a whole key are only in a, and only in b."""
        null = " OR ".join(f"k{i} IS NULL" for i in range(len(self._keys)))
        named = [(f"k{i}", key) for i, key in enumerate(self._keys)]
        named += [(f"c{i}", column) for i, column in enumerate(self._columns)]
        text = row_text(self._expressions, [(self._meant(name, column), column) for name, column in named])
        a, b = (f"SELECT {text} AS t FROM ({side}) AS s WHERE {null}" for side in (self._a, self._b))
        counts = [f"(SELECT count(*) FROM (({x}) EXCEPT ALL ({y})) AS e)" for x, y in ((a, b), (b, a))]
        return f"SELECT {counts[0]}, {counts[1]}"

    def _differing(self, *, materialized: bool) -> str:
        keys, columns = range(len(self._keys)), range(len(self._columns))
        fields = [f"coalesce(a.k{i}, b.k{i}) AS k{i}" for i in keys]
        fields += [f"{side}.c{i} AS {side}{i}" for side in "ab" for i in columns]
        matched = "a.k0 IS NOT NULL AND b.k0 IS NOT NULL"
        fields += [f"({matched} AND {self._differs(f'a.c{i}', f'b.c{i}', self._columns[i])}) AS d{i}" for i in columns]
        fields += ["b.k0 IS NULL AS only_a", "a.k0 IS NULL AS only_b"]
        on = [f"a.k{i} = b.k{i}" for i in keys] + (["a.ordinal = b.ordinal"] if self._numbered else [])
        changed = " OR ".join(f"d{i}" for i in columns) or "false"
        return (
            f"observe_a AS ({self._keyed(self._a)}),\nobserve_b AS ({self._keyed(self._b)}),\n"
            f"observe_pairs AS (SELECT {', '.join(fields)} "
            f"FROM observe_a AS a FULL JOIN observe_b AS b ON {' AND '.join(on)}),\n"
            f"observe_differing AS {'MATERIALIZED ' if materialized else ''}"
            f"(SELECT *, ({changed}) AS changed FROM observe_pairs WHERE only_a OR only_b OR {changed})"
        )

    def _keyed(self, side: str) -> str:
        whole = " AND ".join(f"k{i} IS NOT NULL" for i in range(len(self._keys)))
        if not self._numbered:
            return f"SELECT * FROM ({side}) AS s WHERE {whole}"
        keys = ", ".join(f"k{i}" for i in range(len(self._keys)))
        values = [f"{self._expressions.text(f'c{i}', column.domain)}" for i, column in enumerate(self._columns)]
        order = f" ORDER BY {', '.join(values)}" if values else ""
        numbered = (
            f"SELECT *, row_number() OVER (PARTITION BY {keys}{order}) AS ordinal FROM ({side}) AS s WHERE {whole}"
        )
        return f"SELECT * FROM ({numbered}) AS n WHERE ordinal = 1" if self._only_first else numbered

    def _differs(self, a: str, b: str, column: "ComparedColumn") -> str:
        first, second = self._meant(a, column), self._meant(b, column)
        differs = f"{first} IS DISTINCT FROM {second}"
        if column.equal_if is not None:
            equal = column.equal_if.replace("{a}", a).replace("{b}", b)
        elif column.tolerance is not None:
            equal = self._expressions.close(a, b, column)
        elif column.microseconds:
            apart = f"INTERVAL '{column.microseconds} microseconds'"
            equal = f"{a} BETWEEN {b} - {apart} AND {b} + {apart}"
        else:
            return f"({differs})"
        return f"({differs} AND NOT coalesce(({equal}), false))"

    def _meant(self, value: str, column: "ComparedColumn") -> str:
        value = self._expressions.same_meaning(value, column.domain)
        if column.ignore_case:
            value = f"lower({value})"
        return f"nullif({value}, '')" if column.null_is_empty else value

    def _shown(self, value: str, column: "ComparedColumn") -> str:
        return self._expressions.text(value, column.domain)


def row_text(expressions: "Expressions", values: "Sequence[tuple[str, ComparedColumn]]") -> str:
    """Several values as one text that no other values have: neither NULL nor a separator can be mistaken."""
    parts: list[str] = []
    for value, column in values:
        text = expressions.text(value, column.domain)
        if column.domain.value in _TEXTUAL:
            text = rf"replace(replace({text}, '\', '\\'), '|', '\p')"
        parts.append(rf"coalesce({text}, '\N')")
    return parts[0] if len(parts) == 1 else f"concat_ws('|', {', '.join(parts)})"


_ESCAPED = (("chr(1)", "a"), ("chr(13)", "b"), ("chr(10)", "c"))


def escape(value: str) -> str:
    """A text without line breaks, which CSV readers change; `unescape` gives it back."""
    for sign, letter in _ESCAPED:
        value = f"replace({value}, {sign}, chr(1) || '{letter}')"
    return value


def unescape(value: str) -> str:
    """The text that was escaped."""
    for sign, letter in reversed(_ESCAPED):
        value = f"replace({value}, chr(1) || '{letter}', {sign})"
    return value


def exact(value: float) -> str:
    """A number as SQL, in its shortest decimal digits."""
    return format(Decimal(repr(value)), "f")


def _divided(number: str, width: int, engine: str) -> str:
    if width == 1:
        return f"({number})"
    return f"({number}) // {width}" if engine == "duckdb" else f"({number}) / {width}"


_MOST_RANGES = 200


def _ranges(numbers: "Sequence[int]") -> list[tuple[int, int]] | None:
    """Neighbouring numbers joined to ranges; None when there are too many."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1 and number != 0:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges if len(ranges) <= _MOST_RANGES else None
