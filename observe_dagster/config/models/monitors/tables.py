"""How a monitor writes the name of a table: `schema.table`, with or without the schema or the database before it."""

import re
from typing import Annotated

from pydantic import AfterValidator

from observe_dagster.config.models.paths import parse_path
from observe_dagster.config.sql.quoting import quoted

_MOST = 3


def table_parts(path: str) -> tuple[str, ...]:
    """Split `database.schema.table` at its dots; a part in double quotes may hold dots. Raises ValueError.

    Every part is taken exactly as the engine stores it, quoted or not.
    """
    try:
        parts = parse_path(path)
    except ValueError:
        parts = ()
    if "" in parts or not 1 <= len(parts) <= _MOST:
        raise ValueError(f"{path!r} is not a table; write schema.table, a part with a dot in double quotes")
    return parts


def table_path(*parts: str) -> str:
    """Write parts so that `table_parts` gives them back."""
    plain = re.compile(r'[^".\s][^".]*(?<!\s)')
    return ".".join(part if plain.fullmatch(part) else quoted(part) for part in parts)


def _a_table(path: str) -> str:
    table_parts(path)
    return path


TablePath = Annotated[str, AfterValidator(_a_table)]
"""A table as a monitor writes it."""
