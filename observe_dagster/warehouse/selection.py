"""Users' queries as parts of statements."""

from observe_dagster.warehouse.dialects import Dialect
from observe_dagster.warehouse.port.source import Selection


def bare(query: str) -> str:
    """A query without the semicolon that ends it."""
    return query.strip().rstrip(";").rstrip()


def selected_rows(dialect: Dialect, selection: Selection) -> str:
    """What follows FROM to read a selection's rows."""
    rows = f"(\n{selection.sql}\n) AS model"
    if selection.iterator is None:
        return rows
    field = dialect.quote(selection.iterator)
    bounds = ((">=", selection.read_from), ("<", selection.read_until))
    condition = " AND ".join(f"{field} {sign} {dialect.literal(value)}" for sign, value in bounds if value is not None)
    if not condition:
        return rows
    return f"{rows} WHERE " + (f"({condition}) OR {field} IS NULL" if selection.include_null_iterator else condition)
