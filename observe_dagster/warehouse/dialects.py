"""How statements of ours are spelt: the standard's way here, each engine's own in its folder.

All SQL that is not in an engine's folder is put together from these.
"""

import hashlib
import math
import re
from collections.abc import Sequence
from datetime import date, datetime

from observe_dagster.records import TableName
from observe_dagster.warehouse.port.capabilities import Capabilities

_A_TO_Z = re.compile("[A-Z]+")


class Dialect:
    """The standard's spelling; values and conditions are SQL, names are as the engine stores them."""

    name: str
    """The engine's name, which is also sqlglot's."""

    title: str
    """The engine's name as people write it."""

    capabilities: Capabilities
    drivers: tuple[str, ...] = ()
    """The packages that speak to the engine."""

    text_type = "VARCHAR"
    json_type = "JSON"
    timestamp_type = "TIMESTAMP WITH TIME ZONE"
    current_database = "SELECT current_database()"
    """The query for the name of the database, the first of a path's three parts."""

    ignores_case = False
    """Whether names that differ in the case of A to Z are one name, however they are quoted."""

    row_id = "rowid"
    """What tells the rows of a table apart within a statement."""

    def quote(self, *parts: str) -> str:
        """A quoted, qualified name."""
        return ".".join('"' + part.replace('"', '""') + '"' for part in parts)

    def table(self, table: TableName, suffix: str = "") -> str:
        """A table's quoted name, with an optional suffix to its last part."""
        return self.quote(table.schema, self.suffixed(table.table, suffix))

    def table_names(self, schema: str) -> str:
        """The query for the names of a schema's tables and views."""
        return f"SELECT table_name FROM information_schema.tables WHERE table_schema = {self.string(schema)}"

    def suffixed(self, name: str, suffix: str) -> str:
        """A name with a suffix; where both are too long for the engine, the name is cut and its hash put between."""
        longest = self.capabilities.longest_name_bytes
        if not suffix or longest is None or len((name + suffix).encode()) <= longest:
            return name + suffix
        suffix = f"_{hashlib.sha256(name.encode()).hexdigest()[:8]}{suffix}"
        return name.encode()[: longest - len(suffix)].decode(errors="ignore") + suffix

    def string(self, text: str) -> str:
        """A text."""
        return "'" + text.replace("'", "''") + "'"

    def literal(self, value: object) -> str:
        """A value, with its type spelt out where it is a time."""
        if value is None or isinstance(value, bool):
            return {None: "NULL", True: "true", False: "false"}[value]
        if isinstance(value, datetime):
            return f"{'TIMESTAMP' if value.tzinfo is None else 'TIMESTAMPTZ'} '{value.isoformat(sep=' ')}'"
        if isinstance(value, date):
            return f"DATE '{value.isoformat()}'"
        if isinstance(value, str):
            return self.string(value)
        if isinstance(value, float) and not math.isfinite(value):
            return f"CAST('{value}' AS DOUBLE PRECISION)"
        return repr(value)

    def cast(self, value: str, type_name: str) -> str:
        """A value as another type; fails where it does not fit."""
        return f"CAST({value} AS {type_name})"

    def try_cast(self, value: str, type_name: str) -> str:
        """A value as another type, NULL where it does not fit."""
        return f"TRY_CAST({value} AS {type_name})"

    def text(self, value: str) -> str:
        """A value as text."""
        return self.cast(value, self.text_type)

    def sortable(self, value: str) -> str:
        """A value as text that sorts by bytes, whatever the database's collation."""
        return self.text(value)

    def same(self, a: str, b: str) -> str:
        """Whether two values are the same, NULL being the same as NULL."""
        return f"{a} IS NOT DISTINCT FROM {b}"

    def differs(self, a: str, b: str, native: str | None = None) -> str:
        """Whether two values, of a type of the engine's, are not the same."""
        del native
        return f"{a} IS DISTINCT FROM {b}"

    def count_if(self, condition: str) -> str:
        """How many rows meet a condition."""
        return f"count(*) FILTER (WHERE {condition})"

    def double(self, value: str) -> str:
        """A number as a floating point number of 64 bits."""
        return self.cast(value, "double precision")

    def epoch(self, moment: str) -> str:
        """A time as seconds since 1970."""
        return self.double(f"extract(epoch FROM {moment})")

    def quantile(self, value: str, fraction: float) -> str:
        """The value below which so large a part of a group's values is, interpolated."""
        return f"percentile_cont({fraction}) WITHIN GROUP (ORDER BY {self.double(value)})"

    def divide(self, number: str, by: int) -> str:
        """A whole number divided by a positive one, without the rest."""
        return f"({number}) / {by}"

    def md5(self, text: str) -> str:
        """The MD5 of a text, in hexadecimal."""
        return f"md5({text})"

    def json_object(self, pairs: Sequence[tuple[str, str]]) -> str:
        """An object of names and values."""
        return f"json_object({', '.join(f'{self.string(name)}, {value}' for name, value in pairs)})"

    def fold(self, name: str) -> str:
        """A name in the form in which the engine compares names."""
        return _A_TO_Z.sub(lambda letters: letters[0].lower(), name) if self.ignores_case else name
