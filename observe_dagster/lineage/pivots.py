"""Which columns a column of PIVOT or UNPIVOT is made from."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

PivotColumns = Mapping[str, Sequence["exp.Column"]]


def pivot_columns(pivots: "Sequence[exp.Pivot]") -> PivotColumns:
    """Each column that a chain of pivots makes, and the columns of the pivoted source that it comes from.

    A column that is not here passes through under its own name.
    """
    made: dict[str, list[exp.Column]] = {}
    for pivot in pivots:
        step = _unpivoted(pivot) if pivot.unpivot else _pivoted(pivot)
        consumed = {column.name for columns in step.values() for column in columns}
        composed = {
            name: [origin for column in columns for origin in made.get(column.name, [column])]
            for name, columns in step.items()
        }
        made = {**{name: columns for name, columns in made.items() if name not in consumed}, **composed}
    return made


def _pivoted(pivot: "exp.Pivot") -> dict[str, list["exp.Column"]]:
    """The parser lists the new columns as the first value with each aggregate, then the second value, and so on."""
    from sqlglot import exp

    columns, aggregates = pivot.args.get("columns") or [], pivot.expressions
    return {
        column.name: list(aggregates[position % len(aggregates)].find_all(exp.Column))
        for position, column in enumerate(columns)
        if aggregates
    }


def _unpivoted(pivot: "exp.Pivot") -> dict[str, list["exp.Column"]]:
    """A value column is made from its place in each entry of the list; the name column tells which, so from all."""
    from sqlglot import exp

    values = [identifier.name for item in pivot.expressions for identifier in item.find_all(exp.Identifier)]
    made: dict[str, list[exp.Column]] = {name: [] for name in values}
    for choice in (item for item in pivot.fields if isinstance(item, exp.In)):
        for entry in choice.expressions:
            columns = list(entry.find_all(exp.Column))
            made.setdefault(choice.this.name, []).extend(columns)
            for position, name in enumerate(values):
                made[name].extend([columns[position]] if len(columns) == len(values) else columns)
    return made
