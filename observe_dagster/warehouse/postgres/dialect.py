"""PostgreSQL's dialect, and what PostgreSQL can do."""

from collections.abc import Sequence

from observe_dagster.warehouse.dialects import Dialect
from observe_dagster.warehouse.port.capabilities import Capabilities

_WITHOUT_EQUALITY = ("json", "xml", "point", "polygon", "json[]", "xml[]")


class PostgresDialect(Dialect):
    """Names are compared as they are stored."""

    name = "postgres"
    title = "PostgreSQL"
    drivers = ("psycopg", "adbc-driver-postgresql")
    text_type = "text"
    json_type = "jsonb"
    timestamp_type = "timestamptz"
    row_id = "ctid"
    capabilities = Capabilities(
        transactional_ddl=True,
        enforced_keys=True,
        single_writer=False,
        snapshot="session",
        sees_open_transactions=True,
        longest_name_bytes=63,
    )

    def string(self, text: str) -> str:
        """A text; with backslashes it is written so that `standard_conforming_strings` does not matter."""
        quoted = super().string(text)
        return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted

    def try_cast(self, value: str, type_name: str) -> str:
        """A text as another type, NULL where it does not fit."""
        return f"CASE WHEN {fits(value, type_name)} THEN {self.cast(value, type_name)} END"

    def sortable(self, value: str) -> str:
        """A value as text that sorts by bytes."""
        return f'{self.text(value)} COLLATE "C"'

    def differs(self, a: str, b: str, native: str | None = None) -> str:
        """Whether two values are not the same; those of types without equality are compared as text."""
        if native in _WITHOUT_EQUALITY:
            a, b = self.text(a), self.text(b)
        return super().differs(a, b)

    def json_object(self, pairs: Sequence[tuple[str, str]]) -> str:
        """An object of names and texts; a text that is NULL is kept as null."""
        names, values = (", ".join(each) for each in (map(self.string, [n for n, _ in pairs]), [v for _, v in pairs]))
        return f"jsonb_object(ARRAY[{names}], ARRAY[{values}])"


def fits(text: str, type_name: str) -> str:
    """Whether a text is one of a type's values."""
    return f"pg_input_is_valid({text}, {DIALECT.string(type_name)})"


DIALECT: Dialect = PostgresDialect()
