"""Judges the SQL of monitors before it runs: queries, filters, and the templates of tests."""

import re
from collections.abc import Callable, Iterator

from observe_dagster.config.models.monitors import StandardTest, Variable, table_parts
from observe_dagster.config.sql.select import SelectFault, read_select
from observe_dagster.config.yaml.suggest import did_you_mean

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_BEFORE = "SELECT 1 FROM t WHERE (\n"


def query_fault(text: str, dialect: str) -> SelectFault | None:
    """Why a text is not one read-only SELECT, None when it is."""
    read = read_select(text, dialect)
    return read if isinstance(read, SelectFault) else None


def filter_fault(text: str, dialect: str) -> SelectFault | None:
    """Why a text is not one condition, None when it is."""
    from sqlglot import exp

    read = read_select(f"{_BEFORE}{text}\n)", dialect)
    if isinstance(read, SelectFault):
        last = text.count("\n") + 1
        if 1 < read.line <= last + 1:
            return SelectFault(message=read.message, line=read.line - 1, column=read.column)
        return SelectFault(message="this is not one condition", line=1, column=1)
    tree, where = read.tree, read.tree.args.get("where")
    simple = {name for name, value in tree.args.items() if value} <= {"expressions", "from", "from_", "where"}
    if not simple or where is None or not isinstance(where.this, exp.Paren):
        return SelectFault(message="this is not one condition", line=1, column=1)
    return None


def variable_sql(variable: Variable, string: Callable[[str], str]) -> str:
    """A variable in the SQL: a list becomes its values with commas between them."""
    values = variable.value if isinstance(variable.value, tuple) else (variable.value,)
    return ", ".join(string(str(value)) if variable.quote else str(value) for value in values)


def template_fault(query: str, test: StandardTest) -> str | None:
    """The fault of a template: a name in braces that is not declared, or a table or variable that it does not use."""
    used = set(_PLACEHOLDER.findall(query))
    known = [*test.variables, *(("table", "column") if test.tables else ())]
    for name in sorted(used - set(known)):
        return f"{{{name}}} stands for nothing{did_you_mean(name, known)}; declare the variable {name!r}"
    if test.tables and "table" not in used:
        return "tables are given but {table} does not stand in the query"
    for name in test.variables:
        if name not in used:
            return f"the variable {name!r} is given but {{{name}}} does not stand in the query"
    return None


def template_queries(
    query: str, test: StandardTest, *, quote: Callable[..., str], string: Callable[[str], str]
) -> Iterator[str]:
    """The queries of a `custom_template`: one for each column of each table, or for each table without `{column}`.

    `quote` and `string` are how the engine writes names and texts.
    """
    variables = {name: variable_sql(variable, string) for name, variable in test.variables.items()}
    by_column = "{column}" in query
    for checked in test.tables or (None,):
        columns = checked.columns if checked is not None and by_column else ("",)
        for column in columns:
            names = {
                **variables,
                "table": quote(*table_parts(checked.path or "")) if checked is not None else "",
                "column": quote(column),
            }
            yield _PLACEHOLDER.sub(lambda match, names=names: names.get(match[1], match[0]), query)
