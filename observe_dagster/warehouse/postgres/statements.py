"""The SQL that checks, merges and records one load in PostgreSQL. Every name is quoted; nothing is executed here."""

from psycopg import sql

from observe_dagster.datatypes import Kind, widens
from observe_dagster.warehouse.port.load import DELETED_AT, REJECTED_SUFFIX, Load, LoadColumn
from observe_dagster.warehouse.postgres.names import qualified, staged
from observe_dagster.warehouse.postgres.session import literal, raw

_WHOLE = ("smallint", "integer", "bigint")
_FRACTIONAL = (Kind.REAL, Kind.DOUBLE, Kind.DECIMAL)
_WITHOUT_EQUALITY = ("json", "xml", "point", "polygon", "json[]", "xml[]")

SUPERSEDED = "superseded"
"""The mark of a staged row that a newer row of the same key replaces."""


class LoadStatements:
    """The statements of one load, from staged types to the table's."""

    def __init__(self, load: Load, *, stage: sql.Identifier, staged_types: tuple[str, ...]) -> None:
        self.load, self.stage, self.staged_types = load, stage, staged_types
        self.table = qualified(load.table)
        self.names = sql.SQL(", ").join(sql.Identifier(column.name) for column in load.columns)
        self.values = sql.SQL(", ").join(self.value(column) for column in load.columns)

    # Values

    def value(self, column: LoadColumn) -> sql.Composable:
        """A column's value from a staged row that is known to fit."""
        if column.position is None:
            return sql.SQL("{}::{}").format(sql.Literal(column.constant), raw(column.native))
        field = staged(column.position)
        if self.staged_types[column.position] == column.native:
            return field
        return sql.SQL("{}::{}").format(self._readable(column, column.position), raw(column.native))

    def safe_value(self, column: LoadColumn) -> sql.Composable:
        """A column's value, null where the staged one does not fit."""
        misfit = self.misfit(column)
        if misfit is None:
            return self.value(column)
        return sql.SQL("CASE WHEN NOT ({}) THEN {} END").format(misfit, self.value(column))

    def misfit(self, column: LoadColumn) -> sql.Composable | None:
        """True where a staged value does not fit the column's type; None where every value fits."""
        if column.position is None or not self._may_misfit(column, column.position):
            return None
        return sql.SQL("{} IS NOT NULL AND NOT pg_input_is_valid({}, {})").format(
            staged(column.position), self._readable(column, column.position), sql.Literal(column.native)
        )

    def _readable(self, column: LoadColumn, position: int) -> sql.Composable:
        source = self.load.staged[position].data_type
        if source is not None and source.kind in _FRACTIONAL and column.native in _WHOLE:
            return sql.SQL("round({}::numeric)::text").format(staged(position))
        return sql.SQL("{}::text").format(staged(position))

    def _may_misfit(self, column: LoadColumn, position: int) -> bool:
        source, target, staged_type = (
            self.load.staged[position].data_type,
            column.data_type,
            self.staged_types[position],
        )
        if staged_type == column.native:
            return False
        if source is None or target is None or "char" in column.native:
            return column.native != "text"
        if source == target:
            return target.kind is Kind.JSON and staged_type == "text"
        return target.kind is not Kind.TEXT and not widens(source, target)

    # The stage

    def create_stage(self, *, as_table: bool) -> sql.Composable:
        """The staged table: `c0`, `c1`, … and, unless it may become the destination, why a row is rejected."""
        columns = [
            sql.SQL("{} {}").format(sql.Identifier(f"c{i}"), raw(native)) for i, native in enumerate(self.staged_types)
        ]
        if as_table:
            return sql.SQL("CREATE TABLE {} ({})").format(self.stage, sql.SQL(", ").join(columns))
        return sql.SQL("CREATE UNLOGGED TABLE {} ({}) WITH (autovacuum_enabled = false)").format(
            self.stage, sql.SQL(", ").join([*columns, sql.SQL("rejected text")])
        )

    def may_become_table(self) -> bool:
        """Whether the staged columns are those of a destination that is not there yet, so that only names differ."""
        wanted = [(column.position, column.native) for column in self.load.columns]
        return self.load.existing is None and wanted == list(enumerate(self.staged_types)) and bool(wanted)

    def has_null_iterator(self) -> sql.Composable | None:
        """Whether a row is to be rejected for its iterator; None where none is."""
        tests = [test for test, _ in self._iterator_reasons()]
        return sql.SQL("SELECT EXISTS (SELECT FROM {} AS s WHERE {})").format(self.stage, *tests) if tests else None

    def become_table(self) -> list[sql.Composable]:
        """Give the stage and its columns the destination's names, and its key; fails on a key that is not one."""
        return [
            *(
                sql.SQL("ALTER TABLE {} RENAME COLUMN {} TO {}").format(
                    self.stage, sql.Identifier(f"c{column.position}"), sql.Identifier(column.name)
                )
                for column in self.load.columns
            ),
            sql.SQL("ALTER TABLE {} RENAME TO {}").format(self.stage, sql.Identifier(self.load.table.table)),
            *([self.add_key()] if self.load.primary_key else []),
            *([self.add_deleted_at()] if self.load.write_mode == "mirror" else []),
        ]

    def add_rejected(self) -> sql.Composable:
        """The place for the reasons, in a stage that was to become the destination."""
        return sql.SQL("ALTER TABLE {} ADD COLUMN rejected text").format(self.stage)

    # Checking what was staged

    def mark_rejected(self) -> sql.Composable | None:
        """Give each staged row that cannot be loaded its reason; None where every row can."""
        reasons = [*self._key_reasons(), *self._iterator_reasons(), *self._misfit_reasons()]
        if not reasons:
            return None
        cases = sql.SQL(" ").join(sql.SQL("WHEN {} THEN {}").format(test, reason) for test, reason in reasons)
        any_of = sql.SQL(" OR ").join(sql.SQL("({})").format(test) for test, _ in reasons)
        return sql.SQL("UPDATE {} AS s SET rejected = CASE {} END WHERE {}").format(self.stage, cases, any_of)

    def count_rejected(self) -> sql.Composable:
        """How many staged rows have a reason not to be loaded."""
        return sql.SQL("SELECT count(rejected) FROM {}").format(self.stage)

    def _key_reasons(self) -> list[tuple[sql.Composable, sql.Composable]]:
        return [
            (
                sql.SQL("{} IS NULL").format(staged(column.position)),
                sql.Literal(f'primary key "{column.name}" is null'),
            )
            for column in self.load.keyed
            if column.position is not None
        ]

    def _iterator_reasons(self) -> list[tuple[sql.Composable, sql.Composable]]:
        position = self.load.iterator_position
        if position is None or not self.load.reject_null_iterator:
            return []
        name = self.load.staged[position].name
        return [(sql.SQL("{} IS NULL").format(staged(position)), sql.Literal(f'iterator "{name}" is null'))]

    def _misfit_reasons(self) -> list[tuple[sql.Composable, sql.Composable]]:
        found: list[tuple[sql.Composable, sql.Composable]] = []
        for column in self.load.columns:
            misfit = self.misfit(column)
            if misfit is None or column.position is None:
                continue
            reason = sql.SQL("{} || left({}::text, 100) || {}").format(
                sql.Literal(f'column "{column.name}": '),
                staged(column.position),
                sql.Literal(f" is not a {column.native}"),
            )
            found.append((misfit, reason))
        return found

    def quarantine(self) -> sql.Composable:
        """Copy rejected rows to the quarantine table, once per row and reason."""
        names = sql.SQL(", ").join(sql.Literal(column.name) for column in self.load.staged)
        texts = sql.SQL(", ").join(sql.SQL("{}::text").format(staged(i)) for i in range(len(self.load.staged)))
        return sql.SQL(
            "INSERT INTO {quarantine} AS q (pipeline_id, execution_key, reason, row_values, row_hash, occurrences) "
            "SELECT {pipeline}, {key}, rejected, min(row_values::text)::jsonb, row_hash, count(*) FROM ("
            "SELECT rejected, jsonb_object(ARRAY[{names}], ARRAY[{texts}]) AS row_values, md5(s::text) AS row_hash "
            "FROM {stage} AS s WHERE rejected <> {superseded}) AS r GROUP BY rejected, row_hash "
            "ON CONFLICT (pipeline_id, row_hash, reason) DO UPDATE SET execution_key = excluded.execution_key, "
            "last_rejected_at = now(), occurrences = q.occurrences + excluded.occurrences"
        ).format(
            quarantine=qualified(self.load.table, REJECTED_SUFFIX),
            pipeline=sql.Literal(self.load.pipeline_id),
            key=sql.Literal(self.load.execution_key),
            names=names,
            texts=texts,
            stage=self.stage,
            superseded=sql.Literal(SUPERSEDED),
        )

    def has_duplicates(self) -> sql.Composable:
        """Whether a key was staged twice."""
        keys = sql.SQL(", ").join(self.value(column) for column in self.load.keyed)
        return sql.SQL(
            "SELECT EXISTS (SELECT FROM {} AS s WHERE rejected IS NULL GROUP BY {} HAVING count(*) > 1)"
        ).format(self.stage, keys)

    def mark_superseded(self) -> sql.Composable:
        """Of each key keep the row with the newest iterator; among equals the one that sorts last."""
        keys = sql.SQL(", ").join(self.value(column) for column in self.load.keyed)
        order = [
            sql.SQL('{}::text COLLATE "C" DESC NULLS LAST').format(staged(i)) for i in range(len(self.load.staged))
        ]
        if self.load.iterator_position is not None:
            order.insert(0, sql.SQL("{} DESC NULLS LAST").format(staged(self.load.iterator_position)))
        return sql.SQL(
            "UPDATE {stage} AS old SET rejected = {mark} FROM ("
            "SELECT s.ctid AS row_id, row_number() OVER (PARTITION BY {keys} ORDER BY {newest}) AS place "
            "FROM {stage} AS s WHERE rejected IS NULL) AS ranked WHERE old.ctid = ranked.row_id AND ranked.place > 1"
        ).format(stage=self.stage, mark=sql.Literal(SUPERSEDED), keys=keys, newest=sql.SQL(", ").join(order))

    # Writing

    def insert(self) -> sql.Composable:
        """Add every staged row."""
        return sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} AS s WHERE rejected IS NULL").format(
            self.table, self.names, self.values, self.stage
        )

    def upsert(self) -> sql.Composable:
        """Insert new keys, update changed rows, leave equal ones; return the numbers inserted and updated."""
        keys = sql.SQL(", ").join(sql.Identifier(name) for name in self.load.primary_key)
        rest = [column for column in self.load.columns if column.name not in self.load.primary_key]
        changes = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column.name)) for column in rest]
        tests = [self._differs(column, sql.SQL("excluded.{}").format(sql.Identifier(column.name))) for column in rest]
        if self.load.write_mode == "mirror":
            changes.append(sql.SQL("{} = NULL").format(sql.Identifier(DELETED_AT)))
            tests.append(sql.SQL("t.{} IS NOT NULL").format(sql.Identifier(DELETED_AT)))
        action = (
            sql.SQL("DO UPDATE SET {} WHERE {}").format(sql.SQL(", ").join(changes), sql.SQL(" OR ").join(tests))
            if changes
            else sql.SQL("DO NOTHING")
        )
        return sql.SQL(
            "WITH written AS (INSERT INTO {table} AS t ({names}) SELECT {values} FROM {stage} AS s "
            "WHERE rejected IS NULL ORDER BY {ordered} ON CONFLICT ({keys}) {action} RETURNING (xmax = 0) AS inserted) "
            "SELECT count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted) FROM written"
        ).format(
            table=self.table,
            names=self.names,
            values=self.values,
            stage=self.stage,
            # In the order of the index, neighbours are found together: twice as fast as in any other.
            ordered=sql.SQL(", ").join(self.value(column) for column in self.load.keyed),
            keys=keys,
            action=action,
        )

    def _differs(self, column: LoadColumn, new: sql.Composable) -> sql.Composable:
        cast = sql.SQL("::text") if column.native in _WITHOUT_EQUALITY else sql.SQL("")
        return sql.SQL("t.{}{cast} IS DISTINCT FROM {}{cast}").format(sql.Identifier(column.name), new, cast=cast)

    def count_special(self) -> sql.Composable:
        """Before an upsert: rows about to become soft-deleted, and rows behind the watermark that will change."""
        columns = {column.name: column for column in self.load.columns}
        same_key = sql.SQL(" AND ").join(
            sql.SQL("t.{} = {}").format(sql.Identifier(column.name), self.value(column)) for column in self.load.keyed
        )
        missing = sql.SQL("t.{} IS NULL").format(sql.Identifier(self.load.primary_key[0]))
        rest = [column for column in self.load.columns if column.name not in self.load.primary_key]
        differs = sql.SQL(" OR ").join([missing, *(self._differs(column, self.value(column)) for column in rest)])
        deleted, late = sql.SQL("false"), sql.SQL("false")
        if self.load.soft_delete_field is not None:
            field = columns[self.load.soft_delete_field]
            deleted = sql.SQL("NOT {missing} AND {new} AND NOT {old}").format(
                missing=missing,
                new=_true(field, self.value(field)),
                old=_true(field, sql.SQL("t.{}").format(sql.Identifier(field.name))),
            )
        if self.load.late_before is not None and self.load.iterator_position is not None:
            late = sql.SQL("{} < {} AND ({})").format(
                staged(self.load.iterator_position), literal(self.load.late_before), differs
            )
        return sql.SQL(
            "SELECT count(*) FILTER (WHERE {deleted}), count(*) FILTER (WHERE {late}) FROM {stage} AS s "
            "LEFT JOIN {table} AS t ON {same_key} WHERE s.rejected IS NULL"
        ).format(deleted=deleted, late=late, stage=self.stage, table=self.table, same_key=same_key)

    def count_gone(self) -> sql.Composable:
        """For a mirror: live rows whose key was not read, and live rows in all."""
        return sql.SQL(
            "SELECT count(*) FILTER (WHERE NOT EXISTS ({read})), count(*) FROM {table} AS t WHERE t.{deleted} IS NULL"
        ).format(read=self._was_read(), table=self.table, deleted=sql.Identifier(DELETED_AT))

    def delete_gone(self) -> sql.Composable:
        """For a mirror: mark live rows whose key was not read."""
        return sql.SQL(
            "UPDATE {table} AS t SET {deleted} = now() WHERE t.{deleted} IS NULL AND NOT EXISTS ({read})"
        ).format(table=self.table, deleted=sql.Identifier(DELETED_AT), read=self._was_read())

    def _was_read(self) -> sql.Composable:
        same_key = sql.SQL(" AND ").join(
            sql.SQL("t.{} = {}").format(sql.Identifier(column.name), self.safe_value(column))
            for column in self.load.keyed
        )
        return sql.SQL("SELECT FROM {} AS s WHERE {}").format(self.stage, same_key)

    def delete_range(self) -> sql.Composable:
        """Before an old range is appended again: remove what it holds."""
        field = sql.Identifier(self.load.iterator_column or "")
        tests = [
            sql.SQL("{} {} {}").format(field, raw(sign), literal(value))
            for sign, value in ((">=", self.load.delete_from), ("<", self.load.delete_until))
            if value is not None
        ]
        return sql.SQL("DELETE FROM {} WHERE {}").format(self.table, sql.SQL(" AND ").join(tests))

    # The table

    def create_table(self) -> sql.Composable:
        """The table with its columns, without its key."""
        columns = [
            sql.SQL("{} {}").format(sql.Identifier(column.name), raw(column.native)) for column in self.load.columns
        ]
        return sql.SQL("CREATE TABLE {} ({})").format(self.table, sql.SQL(", ").join(columns))

    def add_key(self) -> sql.Composable:
        """The primary key, once the first rows are in."""
        keys = sql.SQL(", ").join(sql.Identifier(name) for name in self.load.primary_key)
        return sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(self.table, keys)

    def alter(self) -> list[sql.Composable]:
        """Add new columns and widen those whose type grew."""
        return [
            *(
                sql.SQL("ALTER TABLE {} ADD COLUMN {} {}").format(
                    self.table, sql.Identifier(column.name), raw(column.native)
                )
                for column in self.load.added
            ),
            *(
                sql.SQL("ALTER TABLE {} ALTER COLUMN {} TYPE {}").format(
                    self.table, sql.Identifier(column.name), raw(column.native)
                )
                for column in self.load.widened
            ),
        ]

    def add_deleted_at(self) -> sql.Composable:
        """The column in which a mirror notes that a row is gone at the source."""
        return sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} timestamptz").format(
            self.table, sql.Identifier(DELETED_AT)
        )

    def create_quarantine(self) -> sql.Composable:
        """The table that keeps rejected rows with their reasons."""
        return sql.SQL(
            "CREATE TABLE IF NOT EXISTS {} (pipeline_id text NOT NULL, execution_key text NOT NULL, "
            "reason text NOT NULL, row_values jsonb NOT NULL, row_hash text NOT NULL, occurrences bigint NOT NULL, "
            "first_rejected_at timestamptz NOT NULL DEFAULT now(), "
            "last_rejected_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (pipeline_id, row_hash, reason))"
        ).format(qualified(self.load.table, REJECTED_SUFFIX))


def _true(column: LoadColumn, value: sql.Composable) -> sql.Composable:
    if column.data_type is not None and column.data_type.kind is Kind.BOOLEAN:
        return sql.SQL("coalesce({}, false)").format(value)
    return sql.SQL("({} IS NOT NULL)").format(value)
