"""The statements that check, classify and write what was staged, for any engine. Nothing is executed here.

A stage is a table of rows on their way: the values of the columns to be written, the iterator as it was read, and in
`rejected` why a row cannot be loaded, NULL where it can. In what sort of columns they are staged is the engine's.
"""

from typing import Protocol

from observe_dagster.datatypes import Kind
from observe_dagster.warehouse.dialects import Dialect
from observe_dagster.warehouse.port.load import DELETED_AT, REJECTED_SUFFIX, LoadColumn, LoadPlan


class Stage(Protocol):
    """Where rows are staged, and each value of a row `s` of it as SQL."""

    @property
    def table(self) -> str:
        """The stage's quoted name."""
        ...

    @property
    def iterator(self) -> str | None:
        """The iterator as it was read."""
        ...

    @property
    def row_values(self) -> str:
        """The row as it was read, as JSON of texts."""
        ...

    @property
    def row_hash(self) -> str:
        """What is the same for the same row of another run."""
        ...

    def value(self, column: LoadColumn) -> str:
        """A column's value in a row that is not rejected."""
        ...

    def safe_value(self, column: LoadColumn) -> str:
        """A column's value in any row, NULL where it does not fit."""
        ...


class MergeStatements:
    """The statements of one load."""

    def __init__(self, plan: LoadPlan, dialect: Dialect, stage: Stage) -> None:
        self.plan, self.dialect, self.stage = plan, dialect, stage
        self.table = dialect.table(plan.target.table)
        self.names = ", ".join(dialect.quote(column.name) for column in plan.schema.columns)
        self.values = ", ".join(stage.value(column) for column in plan.schema.columns)
        self._columns = {column.name: column for column in plan.schema.columns}
        self._keys = [stage.value(column) for column in plan.keyed]

    # What was staged

    def count_rejected(self) -> str:
        """How many staged rows cannot be loaded."""
        return f"SELECT count(rejected) FROM {self.stage.table}"

    def quarantine(self) -> str:
        """Copy rejected rows to the quarantine table, once per row and reason."""
        run, literal = self.plan.run, self.dialect.literal
        return (
            f"MERGE INTO {self.dialect.table(self.plan.target.table, REJECTED_SUFFIX)} AS q USING ("
            "SELECT reason, row_hash, min(row_text) AS row_text, count(*) AS occurrences FROM ("
            f"SELECT rejected AS reason, {self.dialect.text(self.stage.row_values)} AS row_text, "
            f"{self.stage.row_hash} AS row_hash FROM {self.stage.table} AS s WHERE rejected IS NOT NULL"
            ") AS each_row GROUP BY reason, row_hash) AS r "
            f"ON q.pipeline_id = {literal(run.pipeline_id)} AND q.row_hash = r.row_hash AND q.reason = r.reason "
            f"WHEN MATCHED THEN UPDATE SET execution_key = {literal(run.execution_key)}, last_rejected_at = now(), "
            "occurrences = q.occurrences + r.occurrences "
            "WHEN NOT MATCHED THEN INSERT (pipeline_id, execution_key, reason, row_values, row_hash, occurrences, "
            f"first_rejected_at, last_rejected_at) VALUES ({literal(run.pipeline_id)}, {literal(run.execution_key)}, "
            f"r.reason, {self.dialect.cast('r.row_text', self.dialect.json_type)}, r.row_hash, r.occurrences, "
            "now(), now())"
        )

    def has_duplicates(self) -> str:
        """Whether a key was staged twice."""
        return (
            f"SELECT EXISTS (SELECT 1 FROM {self.stage.table} AS s WHERE rejected IS NULL "
            f"GROUP BY {', '.join(self._keys)} HAVING count(*) > 1)"
        )

    def delete_superseded(self) -> str:
        """Of each key keep the row with the newest iterator; among equals the one that sorts last."""
        texts = [self.dialect.sortable(self.stage.value(c)) for c in self.plan.schema.columns if c.position is not None]
        newest = ", ".join(
            f"{value} DESC NULLS LAST" for value in (*([self.stage.iterator] if self.stage.iterator else []), *texts)
        )
        return (
            f"DELETE FROM {self.stage.table} WHERE {self.dialect.row_id} IN (SELECT row_id FROM ("
            f"SELECT s.{self.dialect.row_id} AS row_id, row_number() OVER (PARTITION BY {', '.join(self._keys)} "
            f"ORDER BY {newest}) AS age FROM {self.stage.table} AS s WHERE rejected IS NULL) AS ranked WHERE age > 1)"
        )

    # The table's rows

    def clear(self) -> str:
        """Remove every row."""
        return f"DELETE FROM {self.table}"

    def delete_range(self) -> str:
        """Before an old range is appended again: remove what it holds."""
        rules, field = self.plan.rules, self.dialect.quote(self.plan.schema.iterator_column or "")
        bounds = ((">=", rules.delete_from), ("<", rules.delete_until))
        tests = [f"{field} {sign} {self.dialect.literal(value)}" for sign, value in bounds if value is not None]
        return f"DELETE FROM {self.table} WHERE {' AND '.join(tests)}"

    def count_rows(self) -> str:
        """How many rows the table has."""
        return f"SELECT count(*) FROM {self.table}"

    def insert(self) -> str:
        """Add every staged row."""
        return f"INSERT INTO {self.table} ({self.names}) {self._staged_values()}"

    def classify(self) -> str:
        """Before a merge: rows that are new, changed, to become soft-deleted, and changed behind the watermark."""
        rules, count_if = self.plan.rules, self.dialect.count_if
        fresh = f"t.{self.dialect.quote(rules.primary_key[0])} IS NULL"
        deleted, late = "false", "false"
        if rules.soft_delete_field is not None:
            field = self._columns[rules.soft_delete_field]
            old, new = f"t.{self.dialect.quote(field.name)}", self.stage.value(field)
            deleted = f"NOT {fresh} AND {_is_set(field, new)} AND NOT {_is_set(field, old)}"
        if rules.late_before is not None and self.stage.iterator is not None:
            behind = f"{self.stage.iterator} < {self.dialect.literal(rules.late_before)}"
            late = f"{behind} AND ({fresh} OR {self.differs()})"
        return (
            f"SELECT {count_if(fresh)}, {count_if(f'NOT {fresh} AND ({self.differs()})')}, "
            f"{count_if(deleted)}, {count_if(late)} "
            f"FROM {self.stage.table} AS s LEFT JOIN {self.table} AS t ON {self.same_key()} WHERE s.rejected IS NULL"
        )

    def merge(self) -> str:
        """Insert new keys, update changed rows, leave equal ones."""
        changes = [f"{self.dialect.quote(column.name)} = {self.stage.value(column)}" for column in self.unkeyed()]
        if self.plan.rules.write_mode == "mirror":
            changes.append(f"{self.dialect.quote(DELETED_AT)} = NULL")
        update = f"WHEN MATCHED AND ({self.differs()}) THEN UPDATE SET {', '.join(changes)} " if changes else ""
        return (
            f"MERGE INTO {self.table} AS t USING (SELECT * FROM {self.stage.table} WHERE rejected IS NULL) AS s "
            f"ON {self.same_key()} {update}WHEN NOT MATCHED THEN INSERT ({self.names}) VALUES ({self.values})"
        )

    def delete_changed(self) -> str:
        """Remove the rows that were staged with other values."""
        return (
            f"DELETE FROM {self.table} AS t USING {self.stage.table} AS s "
            f"WHERE s.rejected IS NULL AND {self.same_key()} AND ({self.differs()})"
        )

    def insert_missing(self) -> str:
        """Add the staged rows whose key is not there."""
        missing = f"NOT EXISTS (SELECT 1 FROM {self.table} AS t WHERE {self.same_key()})"
        return f"INSERT INTO {self.table} ({self.names}) {self._staged_values()} AND {missing}"

    def count_gone(self) -> str:
        """For a mirror: live rows whose key was not read, and live rows in all."""
        return (
            f"SELECT {self.dialect.count_if(self._was_not_read())}, count(*) "
            f"FROM {self.table} AS t WHERE t.{self.dialect.quote(DELETED_AT)} IS NULL"
        )

    def delete_gone(self) -> str:
        """For a mirror: mark live rows whose key was not read."""
        deleted = self.dialect.quote(DELETED_AT)
        return f"UPDATE {self.table} AS t SET {deleted} = now() WHERE t.{deleted} IS NULL AND {self._was_not_read()}"

    # Conditions

    def unkeyed(self) -> list[LoadColumn]:
        """The columns that are not part of the key."""
        return [column for column in self.plan.schema.columns if column.name not in self.plan.rules.primary_key]

    def same_key(self) -> str:
        """Whether a row of the table has a staged row's key."""
        return " AND ".join(
            f"t.{self.dialect.quote(column.name)} = {self.stage.value(column)}" for column in self.plan.keyed
        )

    def differs(self) -> str:
        """Whether a row of the table and a staged row of its key are not the same."""
        tests = [
            self.dialect.differs(f"t.{self.dialect.quote(column.name)}", self.stage.value(column), column.native)
            for column in self.unkeyed()
        ]
        if self.plan.rules.write_mode == "mirror":
            tests.append(f"t.{self.dialect.quote(DELETED_AT)} IS NOT NULL")
        return " OR ".join(tests) or "false"

    def _was_not_read(self) -> str:
        same = [f"t.{self.dialect.quote(column.name)} = {self.stage.safe_value(column)}" for column in self.plan.keyed]
        return f"NOT EXISTS (SELECT 1 FROM {self.stage.table} AS s WHERE {' AND '.join(same)})"

    def _staged_values(self) -> str:
        return f"SELECT {self.values} FROM {self.stage.table} AS s WHERE s.rejected IS NULL"


def _is_set(field: LoadColumn, value: str) -> str:
    boolean = field.data_type is not None and field.data_type.kind is Kind.BOOLEAN
    return f"coalesce({value}, false)" if boolean else f"({value} IS NOT NULL)"


def null_reasons(plan: LoadPlan, dialect: Dialect, *, prefix: str) -> list[tuple[str, str]]:
    """Tests of a staged row for a null key or iterator, each with its reason; `prefix` is before a position."""
    reasons = [
        (f"{prefix}{column.position} IS NULL", dialect.string(f'primary key "{column.name}" is null'))
        for column in plan.keyed
        if column.position is not None
    ]
    position = plan.schema.iterator_position
    if position is not None and plan.rules.reject_null_iterator:
        name = plan.schema.staged[position].name
        reasons.append((f"{prefix}{position} IS NULL", dialect.string(f'iterator "{name}" is null')))
    return reasons


def misfit_reason(dialect: Dialect, column: LoadColumn, value: str) -> str:
    """Why a staged value cannot be written, with the beginning of it."""
    before, after = dialect.string(f'column "{column.name}": '), dialect.string(f" is not a {column.native}")
    return f"{before} || left({dialect.text(value)}, 100) || {after}"
