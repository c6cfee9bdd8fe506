"""The schema that certify makes, knows again and drops."""

from contextlib import suppress
from types import TracebackType
from typing import Self

from observe_dagster.errors import WarehouseError
from observe_dagster.records import TableName
from observe_dagster.warehouse.port.warehouse import OpenOptions, Warehouse

MARKER = "_observe_certify"
"""The table in the schema that names every schema certify has made."""


class Sandbox:
    """A schema of certify's own; it is dropped in the end, whatever happened, unless it is to be kept."""

    def __init__(self, warehouse: Warehouse, schema: str, *, keep: bool = False) -> None:
        self.warehouse, self.schema, self._keep = warehouse, schema, keep
        self._marker = warehouse.dialect.table(TableName(schema=schema, table=MARKER))

    def __enter__(self) -> Self:
        self._create()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._keep:
            self.drop()

    def execute(self, *statements: str) -> None:
        """Run statements, each committed."""
        with self.warehouse.session(OpenOptions(), writes=True) as session:
            for statement in statements:
                session.execute(statement)

    def register(self, schema: str) -> None:
        """Note a schema that a case is about to make, so that it is dropped with the others.

        Raises WarehouseError where there is one of that name already.
        """
        dialect = self.warehouse.dialect
        name = dialect.quote(schema)
        self.execute(
            f"CREATE SCHEMA {name}",
            f"INSERT INTO {self._marker} VALUES ({dialect.string(schema)})",
            f"DROP SCHEMA {name}",
        )

    def drop(self) -> None:
        """Drop every schema that certify has made here."""
        schemas = self._registered()
        dialect = self.warehouse.dialect
        # The one with the marker goes last: until then another run knows what is left.
        others = [name for name in schemas if name != self.schema]
        self.execute(*(f"DROP SCHEMA IF EXISTS {dialect.quote(name)} CASCADE" for name in (*others, self.schema)))

    def _registered(self) -> list[str]:
        with self.warehouse.session(OpenOptions(), writes=True) as session:
            return [name for (name,) in session.fetch(f"SELECT schema_name FROM {self._marker}")]

    def _create(self) -> None:
        dialect = self.warehouse.dialect
        create = f"CREATE SCHEMA {dialect.quote(self.schema)}"
        try:
            self.execute(create)
        except WarehouseError as error:
            try:
                self._registered()
            except WarehouseError:
                raise WarehouseError(
                    self.warehouse.connection_id,
                    f"the schema {self.schema!r} cannot be created, or exists and was not made by certify; nothing in "
                    f"it was touched. Choose another with --schema. ({error})",
                ) from None
            self.drop()
            self.execute(create)
        try:
            self.execute(
                f"CREATE TABLE {self._marker} (schema_name {dialect.text_type})",
                f"INSERT INTO {self._marker} VALUES ({dialect.string(self.schema)})",
            )
        except BaseException:
            with suppress(WarehouseError):
                self.execute(f"DROP SCHEMA {dialect.quote(self.schema)} CASCADE")
            raise
