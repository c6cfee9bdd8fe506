"""The SQL that checks, merges and records one load in DuckDB. Every name is quoted; nothing is executed here.

The staged table has the destination's values (`v0`, `v1`, … in the order of the load's columns), the iterator as it
was read (`iterator`), why a row cannot be loaded (`rejected`) and such a row as JSON (`row_values`).
"""

import hashlib

from observe_dagster.config.sql.quoting import quoted
from observe_dagster.datatypes import Kind
from observe_dagster.records import TableName
from observe_dagster.warehouse.duckdb.session import literal
from observe_dagster.warehouse.port.load import DELETED_AT, REJECTED_SUFFIX, SYNC_RUN_TABLE, Load, LoadColumn

STAGE = "temp._observe_stage"
ROWS = "_observe_rows"


def qualified(table: TableName, suffix: str = "") -> str:
    """A table's quoted name, with an optional suffix to its last part."""
    return quoted(table.schema, table.table + suffix)


def stage_of(load: Load) -> str:
    """Where rows are staged: aside, or beside a table that is not there yet, which the stage then becomes."""
    if load.existing is not None:
        return STAGE
    return quoted(load.table.schema, f"_observe_stage_{hashlib.sha256(load.pipeline_id.encode()).hexdigest()[:12]}")


class LoadStatements:
    """The statements of one load."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.table, self.staged = qualified(load.table), stage_of(load)
        self.names = ", ".join(quoted(column.name) for column in load.columns)
        self.values = ", ".join(f"s.v{i}" for i in range(len(load.columns)))
        self._place = {column.name: i for i, column in enumerate(load.columns)}

    # Staging

    def stage(self, arriving: tuple[str, ...]) -> str:
        """Read the arriving rows once: cast them, and give those that cannot be loaded their reason."""
        values = [f"{self._value(column)} AS v{i}" for i, column in enumerate(self.load.columns)]
        position = self.load.iterator_position
        iterator = "NULL" if position is None else f"c{position}"
        reasons = [*self._null_reasons(), *self._misfit_reasons(arriving)]
        rejected = f"CASE {' '.join(reasons)} END" if reasons else "NULL::VARCHAR"
        kind = "TABLE" if self.load.existing is None else "TEMP TABLE"
        pairs = ", ".join(f"{literal(c.name)}, CAST(c{i} AS VARCHAR)" for i, c in enumerate(self.load.staged))
        return (
            f"CREATE OR REPLACE {kind} {self.staged} AS SELECT {', '.join(values)}, {iterator} AS iterator, "
            f"{rejected} AS rejected, CASE WHEN rejected IS NOT NULL THEN json_object({pairs}) END AS row_values "
            f"FROM {ROWS}"
        )

    def _value(self, column: LoadColumn) -> str:
        if column.position is None:
            return f"CAST({literal(column.constant)} AS {column.native})"
        return f"TRY_CAST(c{column.position} AS {column.native})"

    def _null_reasons(self) -> list[str]:
        reasons = [
            f"WHEN c{column.position} IS NULL THEN {literal(f'primary key {quoted(column.name)} is null')}"
            for column in self.load.keyed
            if column.position is not None
        ]
        position = self.load.iterator_position
        if position is not None and self.load.reject_null_iterator:
            reason = f"iterator {quoted(self.load.staged[position].name)} is null"
            reasons.append(f"WHEN c{position} IS NULL THEN {literal(reason)}")
        return reasons

    def _misfit_reasons(self, arriving: tuple[str, ...]) -> list[str]:
        return [
            f"WHEN c{column.position} IS NOT NULL AND TRY_CAST(c{column.position} AS {column.native}) IS NULL THEN "
            f"{literal(f'column {quoted(column.name)}: ')} || left(CAST(c{column.position} AS VARCHAR), 100) || "
            f"{literal(f' is not a {column.native}')}"
            for column in self.load.columns
            if column.position is not None and arriving[column.position] != column.native
        ]

    def quarantine(self) -> str:
        """Copy rejected rows to the quarantine table, once per row and reason."""
        table = qualified(self.load.table, REJECTED_SUFFIX)
        return (
            f"MERGE INTO {table} AS q USING (SELECT rejected AS reason, any_value(row_values) AS row_values, "
            "md5(CAST(row_values AS VARCHAR)) AS row_hash, count(*) AS occurrences "
            f"FROM {self.staged} WHERE rejected IS NOT NULL GROUP BY ALL) AS r "
            f"ON q.pipeline_id = {literal(self.load.pipeline_id)} AND q.row_hash = r.row_hash AND q.reason = r.reason "
            f"WHEN MATCHED THEN UPDATE SET execution_key = {literal(self.load.execution_key)}, "
            "last_rejected_at = now(), occurrences = q.occurrences + r.occurrences "
            "WHEN NOT MATCHED THEN INSERT (pipeline_id, execution_key, reason, row_values, row_hash, occurrences, "
            f"first_rejected_at, last_rejected_at) VALUES ({literal(self.load.pipeline_id)}, "
            f"{literal(self.load.execution_key)}, r.reason, r.row_values, r.row_hash, r.occurrences, now(), now())"
        )

    def count_rejected(self) -> str:
        """How many staged rows cannot be loaded."""
        return f"SELECT count(*) FROM {self.staged} WHERE rejected IS NOT NULL"

    def has_duplicates(self) -> str:
        """Whether a key was staged twice."""
        return (
            f"SELECT EXISTS (SELECT 1 FROM {self.staged} AS s WHERE rejected IS NULL "
            f"GROUP BY {self._keys()} HAVING count(*) > 1)"
        )

    def delete_superseded(self) -> str:
        """Of each key keep the row with the newest iterator; among equals the one that sorts last."""
        order = ", ".join(f"CAST(s.v{i} AS VARCHAR) DESC NULLS LAST" for i in range(len(self.load.columns)))
        return (
            f"DELETE FROM {self.staged} WHERE rowid IN (SELECT row_id FROM (SELECT s.rowid AS row_id, "
            f"row_number() OVER (PARTITION BY {self._keys()} ORDER BY iterator DESC NULLS LAST, {order}) AS place "
            f"FROM {self.staged} AS s WHERE rejected IS NULL) WHERE place > 1)"
        )

    # Writing

    def insert(self) -> str:
        """Add every staged row."""
        rows = f"SELECT {self.values} FROM {self.staged} AS s WHERE rejected IS NULL"
        return f"INSERT INTO {self.table} ({self.names}) {rows}"

    def classify(self) -> str:
        """Before a merge: rows that are new, changed, to become soft-deleted, and changed behind the watermark."""
        fresh = f"t.{quoted(self.load.primary_key[0])} IS NULL"
        changed = f"NOT {fresh} AND ({self._differs()})"
        deleted, late = "false", "false"
        if self.load.soft_delete_field is not None:
            new = f"s.v{self._place[self.load.soft_delete_field]}"
            old = f"t.{quoted(self.load.soft_delete_field)}"
            deleted = f"NOT {fresh} AND {self._true(new)} AND NOT {self._true(old)}"
        if self.load.late_before is not None:
            late = f"s.iterator < {literal(self.load.late_before)} AND ({fresh} OR {self._differs()})"
        return (
            f"SELECT count(*) FILTER (WHERE {fresh}), count(*) FILTER (WHERE {changed}), "
            f"count(*) FILTER (WHERE {deleted}), count(*) FILTER (WHERE {late}) "
            f"FROM {self.staged} AS s LEFT JOIN {self.table} AS t ON {self._same_key()} WHERE s.rejected IS NULL"
        )

    def merge(self) -> str:
        """Insert new keys, update changed rows, leave equal ones."""
        rest = [column for column in self.load.columns if column.name not in self.load.primary_key]
        changes = [f"{quoted(column.name)} = s.v{self._place[column.name]}" for column in rest]
        if self.load.write_mode == "mirror":
            changes.append(f"{quoted(DELETED_AT)} = NULL")
        update = f"WHEN MATCHED AND ({self._differs()}) THEN UPDATE SET {', '.join(changes)} " if changes else ""
        return (
            f"MERGE INTO {self.table} AS t USING (SELECT * FROM {self.staged} WHERE rejected IS NULL) AS s "
            f"ON {self._same_key()} {update}WHEN NOT MATCHED THEN INSERT ({self.names}) VALUES ({self.values})"
        )

    def delete_changed(self) -> str:
        """Remove the rows that were staged with other values."""
        return (
            f"DELETE FROM {self.table} AS t USING {self.staged} AS s "
            f"WHERE s.rejected IS NULL AND {self._same_key()} AND ({self._differs()})"
        )

    def insert_missing(self) -> str:
        """Add the staged rows whose key is not there."""
        return (
            f"INSERT INTO {self.table} ({self.names}) SELECT {self.values} FROM {self.staged} AS s "
            f"ANTI JOIN {self.table} AS t ON {self._same_key()} WHERE s.rejected IS NULL"
        )

    def count_gone(self) -> str:
        """For a mirror: live rows whose key was not read, and live rows in all."""
        return (
            f"SELECT count(*) FILTER (WHERE NOT EXISTS (SELECT 1 FROM {self.staged} AS s WHERE {self._same_key()})), "
            "count(*) "
            f"FROM {self.table} AS t WHERE t.{quoted(DELETED_AT)} IS NULL"
        )

    def delete_gone(self) -> str:
        """For a mirror: mark live rows whose key was not read."""
        return (
            f"UPDATE {self.table} AS t SET {quoted(DELETED_AT)} = now() WHERE t.{quoted(DELETED_AT)} IS NULL "
            f"AND NOT EXISTS (SELECT 1 FROM {self.staged} AS s WHERE {self._same_key()})"
        )

    def delete_range(self) -> str:
        """Before an old range is appended again: remove what it holds."""
        field = quoted(self.load.iterator_column or "")
        bounds = ((">=", self.load.delete_from), ("<", self.load.delete_until))
        tests = [f"{field} {sign} {literal(value)}" for sign, value in bounds if value is not None]
        return f"DELETE FROM {self.table} WHERE {' AND '.join(tests)}"

    def _keys(self) -> str:
        return ", ".join(f"s.v{self._place[name]}" for name in self.load.primary_key)

    def _same_key(self) -> str:
        return " AND ".join(f"t.{quoted(name)} = s.v{self._place[name]}" for name in self.load.primary_key)

    def _differs(self) -> str:
        tests = [
            f"t.{quoted(column.name)} IS DISTINCT FROM s.v{self._place[column.name]}"
            for column in self.load.columns
            if column.name not in self.load.primary_key
        ]
        if self.load.write_mode == "mirror":
            tests.append(f"t.{quoted(DELETED_AT)} IS NOT NULL")
        return " OR ".join(tests) or "false"

    def _true(self, value: str) -> str:
        field = self.load.columns[self._place[self.load.soft_delete_field or ""]]
        boolean = field.data_type is not None and field.data_type.kind is Kind.BOOLEAN
        return f"coalesce({value}, false)" if boolean else f"({value} IS NOT NULL)"

    # The table

    def become_table(self) -> list[str]:
        """Make the stage the table; keys are not null, and unique because the merge keeps them so."""
        names = {f"v{i}": column.name for i, column in enumerate(self.load.columns)}
        if not {name.lower() for name in names.values()}.isdisjoint(names):
            names = {old: f"_observe_{old}" for old in names} | {f"_observe_{old}": new for old, new in names.items()}
        changes = [
            f"DELETE FROM {self.staged} WHERE rejected IS NOT NULL",
            *(f"ALTER TABLE {self.staged} DROP COLUMN {name}" for name in ("iterator", "rejected", "row_values")),
            *(f"ALTER TABLE {self.staged} RENAME COLUMN {old} TO {quoted(new)}" for old, new in names.items()),
            *(f"ALTER TABLE {self.staged} ALTER COLUMN {quoted(key)} SET NOT NULL" for key in self.load.primary_key),
        ]
        return [*changes, f"ALTER TABLE {self.staged} RENAME TO {quoted(self.load.table.table)}"]

    def alter(self) -> list[str]:
        """Add new columns and widen those whose type grew."""
        return [
            *(f"ALTER TABLE {self.table} ADD COLUMN {quoted(c.name)} {c.native}" for c in self.load.added),
            *(f"ALTER TABLE {self.table} ALTER COLUMN {quoted(c.name)} TYPE {c.native}" for c in self.load.widened),
        ]

    def add_deleted_at(self) -> str:
        """The column in which a mirror notes that a row is gone at the source."""
        return f"ALTER TABLE {self.table} ADD COLUMN IF NOT EXISTS {quoted(DELETED_AT)} TIMESTAMP WITH TIME ZONE"

    def create_quarantine(self) -> str:
        """The table that keeps rejected rows with their reasons."""
        return (
            f"CREATE TABLE IF NOT EXISTS {qualified(self.load.table, REJECTED_SUFFIX)} (pipeline_id VARCHAR NOT NULL, "
            "execution_key VARCHAR NOT NULL, reason VARCHAR NOT NULL, row_values JSON NOT NULL, "
            "row_hash VARCHAR NOT NULL, occurrences BIGINT NOT NULL, first_rejected_at TIMESTAMPTZ NOT NULL, "
            "last_rejected_at TIMESTAMPTZ NOT NULL)"
        )


def create_sync_run(schema: str) -> str:
    """The table that records each committed run beside the data it wrote."""
    return (
        f"CREATE TABLE IF NOT EXISTS {quoted(schema, SYNC_RUN_TABLE)} (pipeline_id VARCHAR NOT NULL, "
        "table_name VARCHAR NOT NULL, sequence BIGINT NOT NULL, execution_key VARCHAR NOT NULL UNIQUE, "
        "range_start VARCHAR, range_end VARCHAR, watermark VARCHAR, moves_watermark BOOLEAN NOT NULL, "
        "total_rows BIGINT NOT NULL, inserts BIGINT NOT NULL, updates BIGINT NOT NULL, unchanged BIGINT NOT NULL, "
        "soft_deletes BIGINT NOT NULL, rejected BIGINT NOT NULL, superseded BIGINT NOT NULL, late BIGINT NOT NULL, "
        "bytes BIGINT NOT NULL, table_rows BIGINT, committed_at TIMESTAMPTZ NOT NULL)"
    )
