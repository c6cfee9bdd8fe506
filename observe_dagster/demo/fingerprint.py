"""Prove that a destination holds what its source holds: count and checksum over all columns, on both sides.

Nothing of the sync's own code is used here. Each engine writes every value of a row as the same text, with its length
before it so that neighbours cannot run into each other, and sums the first 60 bits of each row's md5.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import LiteralString, Protocol, cast

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.project import Project
from observe_dagster.config.sql.quoting import quoted
from observe_dagster.demo.databases import DemoDatabases
from observe_dagster.demo.source import connect


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """How many rows there are and the sum of their hashes, in hexadecimal; equal rows in any order give equal sums."""

    rows: int
    checksum: str


class Engine(Protocol):
    """A database that can be asked for types, and for the fingerprint of what a SELECT gives."""

    def columns(self, query: str) -> dict[str, str]:
        """The columns of a SELECT and the engine's names of their types."""
        ...

    def fingerprint(self, query: str, columns: Sequence[str]) -> Fingerprint:
        """Count and checksum of a SELECT over the named columns, in that order."""
        ...


class PostgresEngine:
    """A PostgreSQL database at a URL."""

    def __init__(self, url: str) -> None:
        self._url = url

    def columns(self, query: str) -> dict[str, str]:
        """The columns of a SELECT and their types."""
        with connect(self._url) as connection:
            # S608: the text is our own.
            cursor = connection.execute(cast("LiteralString", f"SELECT * FROM ({query}) AS rows LIMIT 0"))  # noqa: S608
            types = connection.adapters.types
            described = {column.name: types.get(column.type_code) for column in cursor.description or ()}
        return {name: "text" if info is None else info.name for name, info in described.items()}

    def fingerprint(self, query: str, columns: Sequence[str]) -> Fingerprint:
        """Count and checksum of a SELECT."""
        types = self.columns(query)
        encoded = _row([(name, types[name]) for name in columns], _POSTGRES)
        statement = (
            f"SELECT count(*), coalesce(sum(CAST(CAST('x' || substr(md5({encoded}), 1, 15) AS bit(60)) AS bigint)), 0)"  # noqa: S608 (text of our own)
            f" FROM ({query}) AS rows"
        )
        with connect(self._url) as connection:
            row = connection.execute(cast("LiteralString", statement)).fetchone()
        return _fingerprint(row)


class DuckDBEngine:
    """A DuckDB file, opened for reading and only as long as a question takes."""

    def __init__(self, path: str) -> None:
        self._path = path

    def columns(self, query: str) -> dict[str, str]:
        """The columns of a SELECT and their types."""
        return {str(row[0]): str(row[1]) for row in self._ask(f"DESCRIBE SELECT * FROM ({query}) AS rows")}  # noqa: S608 (text of our own)

    def fingerprint(self, query: str, columns: Sequence[str]) -> Fingerprint:
        """Count and checksum of a SELECT."""
        types = self.columns(query)
        encoded = _row([(name, types[name]) for name in columns], _DUCKDB)
        return _fingerprint(
            self._ask(
                f"SELECT count(*), coalesce(sum(CAST('0x' || substr(md5({encoded}), 1, 15) AS BIGINT)), 0)"  # noqa: S608 (text of our own)
                f" FROM ({query}) AS rows"
            )[0]
        )

    def _ask(self, statement: str) -> list[tuple[object, ...]]:
        import duckdb

        with duckdb.connect(self._path, read_only=True) as connection:
            return connection.execute(statement).fetchall()


def _fingerprint(row: Sequence[object] | None) -> Fingerprint:
    rows, total = row if row is not None else (0, 0)
    return Fingerprint(rows=int(str(rows)), checksum=f"{int(str(total)) % 2**64:016x}")


_Encodings = dict[str, Callable[[str], str]]


def _double(column: str) -> str:
    """The shortest digits that give the same double back, where DuckDB writes `1.0` and PostgreSQL `1`."""
    return rf"regexp_replace(lower(CAST({column} AS text)), '\.0$', '')"


def _boolean(column: str) -> str:
    return f"CASE WHEN {column} THEN 'true' WHEN NOT {column} THEN 'false' END"


_POSTGRES: _Encodings = {
    "bool": _boolean,
    "date": lambda column: f"CAST({column} - DATE '1970-01-01' AS text)",
    "float8": _double,
    "timestamp": lambda column: f"CAST(CAST(extract(epoch FROM {column}) * 1000000 AS bigint) AS text)",
    "timestamptz": lambda column: f"CAST(CAST(extract(epoch FROM {column}) * 1000000 AS bigint) AS text)",
}
_DUCKDB: _Encodings = {
    "BOOLEAN": _boolean,
    "DATE": lambda column: f"CAST(date_diff('day', DATE '1970-01-01', {column}) AS text)",
    "DOUBLE": _double,
    "TIMESTAMP": lambda column: f"CAST(epoch_us({column}) AS text)",
    "TIMESTAMP WITH TIME ZONE": lambda column: f"CAST(epoch_us({column}) AS text)",
}


def _row(columns: Sequence[tuple[str, str]], encodings: _Encodings) -> str:
    parts: list[str] = []
    for name, type_name in columns:
        encode = encodings.get(type_name)
        text = f"CAST({quoted(name)} AS text)" if encode is None else encode(quoted(name))
        parts.append(f"coalesce(CAST(length({text}) AS text) || ':' || {text}, '-')")
    return " || ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One pipeline's source and destination, counted and hashed over all columns of the data model."""

    source_name: str
    table: str
    columns: int
    source: Fingerprint
    destination: Fingerprint

    @property
    def equal(self) -> bool:
        """Tell whether both hold the same rows."""
        return self.source == self.destination


def compare(project: Project, places: DemoDatabases, pipelines: Iterable[Pipeline]) -> list[Comparison]:
    """Compare each pipeline's source with its destination."""
    engines: dict[str, Engine] = {
        "nyc_source": PostgresEngine(places.source_url),
        "lake": DuckDBEngine(str(places.lake_path)),
        "warehouse": PostgresEngine(places.warehouse_url),
    }
    return [_compare(project, pipeline, engines) for pipeline in pipelines]


def _compare(project: Project, pipeline: Pipeline, engines: dict[str, Engine]) -> Comparison:
    destination = pipeline.destination
    source_engine, engine = engines[pipeline.connection_id], engines[destination.connection_id]
    query = project.data_model(pipeline.data_model_id).sql
    columns = list(source_engine.columns(query))
    # A mirror keeps rows that are gone at the source, marked as deleted.
    kept = " WHERE _observe_deleted_at IS NULL" if destination.write_mode == "mirror" else ""
    table = f"SELECT * FROM {quoted(destination.schema_, destination.table)}{kept}"  # noqa: S608 (ours)
    return Comparison(
        source_name=f"{pipeline.connection_id}: {pipeline.data_model_id}",
        table=".".join(pipeline.table_key),
        columns=len(columns),
        source=source_engine.fingerprint(query, columns),
        destination=engine.fingerprint(table, columns),
    )
