"""Facts to publish, before any vendor's form: tables, their lineage, statements, SQL.

A fact is kept in the outbox as the JSON that `as_record` makes of it. Facts with the same `ordering_key` arrive in the
order in which they were enqueued.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from pydantic import TypeAdapter

TABLE_METADATA = "table_metadata"
TABLE_LINEAGE = "table_lineage"
COLUMN_LINEAGE = "column_lineage"
QUERY_LOG = "query_log"
SQL_CONTENT = "sql_content"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table by its full name. `connection_id` is None for one that belongs to no declared connection."""

    connection_id: str | None
    database: str
    schema: str
    name: str
    type: Literal["TABLE", "VIEW"] = "TABLE"

    @property
    def key(self) -> str:
        """One text for each table, whatever its type."""
        return "/".join([self.connection_id or "", self.database, self.schema, self.name])

    def __str__(self) -> str:
        return f"{self.database}:{self.schema}.{self.name}"


def lineage_key(table_key: str) -> str:
    """The ordering key of a table's lineage, which metadata of the same table does not wait for."""
    return f"lineage:{table_key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldFact:
    """A column of a table; `type` is as the engine spells it."""

    name: str
    type: str
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableMetadata:
    """What a table is, how much is in it, and when that last changed."""

    kind: ClassVar[str] = TABLE_METADATA
    table: Table
    fields: tuple[FieldFact, ...] = ()
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    row_count: int | None = None
    byte_count: int | None = None
    last_update_time: datetime | None = None

    @property
    def ordering_key(self) -> str:
        """The table's."""
        return self.table.key


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLineage:
    """The tables that a table is made from."""

    kind: ClassVar[str] = TABLE_LINEAGE
    destination: Table
    sources: tuple[Table, ...]

    @property
    def ordering_key(self) -> str:
        """That of the destination's lineage."""
        return lineage_key(self.destination.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceColumn:
    """A column of one of the sources, which is named by its place among them."""

    source: int
    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMapping:
    """A column and those it is made from."""

    column: str
    sources: tuple[SourceColumn, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnLineage:
    """The columns that a table's columns are made from."""

    kind: ClassVar[str] = COLUMN_LINEAGE
    destination: Table
    sources: tuple[Table, ...]
    columns: tuple[ColumnMapping, ...]

    @property
    def ordering_key(self) -> str:
        """That of the destination's lineage."""
        return lineage_key(self.destination.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryLogEntry:
    """A statement that was sent to a connection's warehouse."""

    kind: ClassVar[str] = QUERY_LOG
    connection_id: str
    start_time: datetime
    end_time: datetime
    query_text: str
    query_id: str
    user: str | None = None
    returned_rows: int | None = None

    @property
    def ordering_key(self) -> str:
        """Its own: statements need no order among them."""
        return f"query/{self.connection_id}/{self.query_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlContent:
    """A script; a later content under the same `name` replaces it."""

    kind: ClassVar[str] = SQL_CONTENT
    name: str
    content: str
    platform: str
    extra_config: Mapping[str, Any] = field(default_factory=dict[str, Any], hash=False)

    @property
    def ordering_key(self) -> str:
        """Its name's."""
        return f"sql/{self.name}"


Fact = TableMetadata | TableLineage | ColumnLineage | QueryLogEntry | SqlContent
KINDS: Mapping[str, type[Fact]] = {
    each.kind: each for each in (TableMetadata, TableLineage, ColumnLineage, QueryLogEntry, SqlContent)
}


def as_record(fact: Fact) -> dict[str, Any]:
    """A fact as what the outbox keeps."""
    return _adapter(fact.kind).dump_python(fact, mode="json")


def from_record(kind: str, record: Mapping[str, Any]) -> Fact:
    """The fact of a kept record; raises ValueError when it is none."""
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is not a kind of fact")
    return _adapter(kind).validate_python(record)


def record_hash(record: Mapping[str, Any]) -> str:
    """The sha256 of a record: equal for equal content."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _adapter(kind: str) -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter

    return TypeAdapter(KINDS[kind])
