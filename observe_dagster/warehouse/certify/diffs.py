"""The engine's SQL for comparing values gives what a local DuckDB gives for the same rows."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory

from observe_dagster.config.models.connections.duckdb import DuckDBConnection
from observe_dagster.datatypes import Kind
from observe_dagster.errors import UnsupportedTypeError
from observe_dagster.records import Column
from observe_dagster.warehouse.certify.cases import case
from observe_dagster.warehouse.certify.expectations import NotOfferedError, require
from observe_dagster.warehouse.certify.sandbox import Sandbox
from observe_dagster.warehouse.certify.trial import Trial
from observe_dagster.warehouse.certify.values import ID, Row, TypedField, field
from observe_dagster.warehouse.diff.comparison import ComparedColumn, Domain, domain_of
from observe_dagster.warehouse.diff.statements import row_text
from observe_dagster.warehouse.registry import open_warehouse

_MOMENT = datetime(2024, 3, 10, 2, 30, 0, 1)  # noqa: DTZ001 (without a zone on purpose)
_PRICE = field("a_decimal", Kind.DECIMAL, precision=12, scale=4)
_FIELDS = [
    ID,
    field("a_boolean", Kind.BOOLEAN),
    field("an_integer", Kind.INTEGER),
    field("a_bigint", Kind.BIGINT),
    _PRICE,
    field("a_double", Kind.DOUBLE),
    field("a_text", Kind.TEXT),
    field("some_bytes", Kind.BYTES),
    field("a_date", Kind.DATE),
    field("a_time", Kind.TIME),
    field("a_timestamp", Kind.TIMESTAMP),
    field("an_instant", Kind.TIMESTAMPTZ),
    field("a_uuid", Kind.UUID),
]
_UUID = "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"
_ROWS: list[Row] = [
    (1, True, 1, 2**53 + 1, "1.5000", 0.1, "naïve 日本 \U0001f600", b"\x00\xff", date(2024, 2, 29), time(12, 30)),
    (2, False, -7, -(2**63), "-0.0100", -1.5, "a|b\\N '\"", b"", date(1, 1, 1), time(23, 59, 59, 999999)),
    (3, None, 0, 0, "0.0000", 1e20, "", b"text", date(9999, 12, 31), time(0)),
    (4, True, 2**31 - 1, 2**63 - 1, "12345678.0000", 1234567.0, "ü\n\t", b"\\", date(1969, 12, 31), time(1)),
]
_TIMES = [
    (_MOMENT, _MOMENT.replace(tzinfo=UTC), _UUID),
    (datetime(1969, 12, 31, 23, 59, 59, 500000), datetime(2262, 4, 12, tzinfo=UTC), _UUID.lower()),  # noqa: DTZ001
    (datetime(2024, 1, 1), datetime(1900, 1, 1, 1, 1, 1, tzinfo=UTC), None),  # noqa: DTZ001
    (None, None, "0" * 8 + "-0000-0000-0000-" + "0" * 12),
]
_NULLS: Row = (5, *(None for _ in _FIELDS[1:]))


def _columns(trial: Trial) -> tuple[Column, ...]:
    with trial.reader() as reader:
        return reader.columns(trial.table) or ()


def _hashes(
    trial: Trial, columns: Sequence[Column], domains: Sequence[Domain], *, together: bool
) -> list[tuple[int, ...]]:
    """Each row's id and the portable hashes of its values, or the one of all of them."""
    with trial.reader() as reader:
        expressions = reader.expressions()
        values = [
            (
                expressions.value(column, domain, portable=True),
                ComparedColumn(a=column, b=column, domain=domain, portable=True),
            )
            for column, domain in zip(columns, domains, strict=True)
        ]
        texts = [row_text(expressions, values)] if together else [row_text(expressions, [each]) for each in values]
        hashes = ", ".join(expressions.hashed(text, portable=True) for text in texts)
        key = trial.dialect.quote(ID.name)
        rows = reader.rows(f"SELECT {key}, {hashes} FROM {trial.dialect.table(trial.table)} ORDER BY {key}")
        return [tuple(int(number) for number in row) for row in rows]


@case
def hashes_of_values_are_those_of_a_local_duckdb(trial: Trial) -> str:
    """Of each column by itself, so that the one that differs is named, and of whole rows."""
    rows = [*((*row, *times) for row, times in zip(_ROWS, _TIMES, strict=True)), _NULLS]
    fields = _without_refused(trial)
    kept = [_FIELDS.index(each) for each in fields]
    rows = [tuple(row[i] for i in kept) for row in rows]
    trial.load(fields, rows)
    with TemporaryDirectory(prefix="observe-certify-") as folder, _local_duckdb(Path(folder)) as sandbox:
        local = Trial(sandbox, 1)
        local.load(fields, rows)
        ours, theirs = _columns(trial), _columns(local)
        domains = [domain_of(a, b, across=True) for a, b in zip(ours, theirs, strict=True)]
        expected, actual = (_hashes(*side, domains, together=False) for side in ((local, theirs), (trial, ours)))
        for position, each in enumerate(fields, start=1):
            of_column = [[(row[0], row[position]) for row in side] for side in (actual, expected)]
            require(of_column[0], of_column[1], f"ids and hashes of {each.name} as {domains[position - 1]}")
        actual, expected = (_hashes(*side, domains, together=True) for side in ((trial, ours), (local, theirs)))
        require(actual, expected, "ids and hashes of whole rows")
    return f"{len(fields)} columns of {len(rows)} rows"


@case
def unique_keys_of_a_table_are_known(trial: Trial) -> str:
    """Where they are enforced, so that a diff need not look for duplicates."""
    if not trial.capabilities.enforced_keys:
        raise NotOfferedError("enforced_keys: new tables have no key")
    for part, rows in enumerate(([(1, "a")], [])):
        each = trial.sibling(part)
        each.load([ID, field("part", Kind.TEXT)], rows, primary_key=("part", "id"))
        with each.reader() as reader:
            found = reader.rows(reader.expressions().unique_keys(each.table.schema, each.table.table))
        require([sorted(names) for (names,) in found], [["id", "part"]], "unique keys")
    return "a key of 2 columns"


@case
def two_sessions_of_a_database_know_that_it_is_the_same(trial: Trial) -> str:
    """So that its tables are compared where they are."""
    identities: list[str] = []
    for _ in range(2):
        with trial.reader() as reader:
            identities.append(reader.database_identity())
    require(identities[1], identities[0], "identity")
    return "one identity"


@case
def types_are_spelt_so_that_the_engine_takes_them(trial: Trial) -> str:
    """For each column of the table, the spelling of its type casts NULL."""
    fields = _without_refused(trial)
    with trial.reader() as reader:
        expressions = reader.expressions()
        casts = [trial.dialect.cast("NULL", expressions.type_name(each.data_type)) for each in fields]
        require(list(reader.rows(f"SELECT {', '.join(casts)}")[0]), [None] * len(fields), "casts of NULL")
    return ", ".join(casts)


def _local_duckdb(folder: Path) -> Sandbox:
    config = {"path": str(folder / "reference.duckdb")}
    connection = {"id": "local", "name": "local", "service_provider": "duckdb", "config": config}
    return Sandbox(open_warehouse(DuckDBConnection.model_validate(connection)), "local")


def _without_refused(trial: Trial) -> list[TypedField]:
    """The fields of types that the engine has."""
    kept: list[TypedField] = []
    with trial.destination() as destination:
        for each in _FIELDS:
            try:
                destination.native_of(each.data_type, column=each.name)
            except UnsupportedTypeError:
                continue
            kept.append(each)
    return kept
