"""`observe diff`: which rows two tables or queries do not share, wherever they are."""

from typing import TYPE_CHECKING, Any

import click

from observe_dagster.cli.options import common
from observe_dagster.cli.output import facts, table, write, write_json
from observe_dagster.service.context import Context, Document

if TYPE_CHECKING:
    from observe_dagster.config.models.diff import DataDiffConfig
    from observe_dagster.monitoring.diff.compare import DiffResult


@click.command("diff")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--key", required=True, help="The column that tells rows apart, or several with commas between them.")
@click.option("--query-a", help="A SELECT to compare; A is then the connection alone.")
@click.option("--query-b", help="A SELECT to compare; B is then the connection alone.")
@click.option("--where-a", help="An SQL condition for A's rows.")
@click.option("--where-b", help="An SQL condition for B's rows.")
@click.option("--columns", help="Compare only these columns of A, with commas between them; * stands for any letters.")
@click.option("--exclude", help="Leave these columns out.")
@click.option("--rename", multiple=True, metavar="A=B", help="A column of A that is called otherwise in B.")
@click.option("--tolerance", type=click.FloatRange(min=0), help="How far numbers that are not whole may be apart.")
@click.option("--ignore-case", is_flag=True, help="Take capital and small letters as the same.")
@click.option("--null-equals-empty", is_flag=True, help="Take NULL and empty text as the same.")
@click.option("--limit", type=click.IntRange(0, 10_000), default=20, show_default=True, help="How many rows to show.")
@common
@click.pass_obj
@click.pass_context
def diff(click_context: click.Context, context: Context, a: str, b: str, *, limit: int, **options: Any) -> None:
    """Compare two tables, row by row.

    A and B are each CONNECTION:SCHEMA.TABLE. It exits with 0 when no row differs and with 1 when any does.
    """
    from datetime import UTC, datetime

    from observe_dagster.monitoring.diff.compare import diff as compare
    from observe_dagster.warehouse import OpenOptions

    config = _config(a, b, options)
    opening = OpenOptions(lock_wait_seconds=context.settings.lock_wait_seconds)
    result = compare(context.project, config, now=datetime.now(UTC), options=opening, sample_rows=limit)
    if context.as_json:
        write_json(_document(result))
    else:
        _show(result)
    click_context.exit(0 if result.summary.equal else 1)


def _config(a: str, b: str, options: Document) -> "DataDiffConfig":
    from pydantic import ValidationError

    from observe_dagster.config.models.diff import DataDiffConfig

    tolerance, columns, exclude = options["tolerance"], options["columns"], options["exclude"]
    declared: Document = {
        "primary_key": _names(options["key"]),
        "dataset_a": _dataset("A", a, options["query_a"], options["where_a"]),
        "dataset_b": _dataset("B", b, options["query_b"], options["where_b"]),
        "include_columns": None if columns is None else _names(columns),
        "exclude_columns": [] if exclude is None else _names(exclude),
        "column_remapping": dict(_renamed(pair) for pair in options["rename"]),
        "tolerance": None if tolerance is None else {"float": {"default": {"type": "absolute", "value": tolerance}}},
        "ignore_string_case": options["ignore_case"],
        "null_equals_empty_string": options["null_equals_empty"],
    }
    try:
        return DataDiffConfig.model_validate(declared)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise click.UsageError(f"{place}: {first['msg']}" if place else first["msg"]) from None


def _dataset(name: str, place: str, query: str | None, where: str | None) -> Document:
    connection_id, colon, named = place.partition(":")
    option = name.lower()
    if query is not None:
        if colon:
            raise click.UsageError(f"With --query-{option}, {name} is the connection alone, not {place!r}.")
        if where is not None:
            raise click.UsageError(f"Put the condition of --where-{option} into --query-{option}.")
        return {"connection_id": connection_id, "query": query}
    if not (connection_id and named):
        raise click.UsageError(f"{name} is {place!r}; write CONNECTION:SCHEMA.TABLE.")
    return {"connection_id": connection_id, "table": named, "filter": where}


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _renamed(pair: str) -> tuple[str, str]:
    a, equals, b = pair.partition("=")
    if not (a and equals and b):
        raise click.UsageError(f"--rename {pair!r}: write A=B, the names of one column in A and in B.")
    return a, b


def _document(result: "DiffResult") -> Document:
    return {
        **result.summary.document(),
        "equal": result.summary.equal,
        "method": result.method,
        "sample": [{"key": row.key, "difference": row.difference, "a": row.a, "b": row.b} for row in result.sample],
    }


def _show(result: "DiffResult") -> None:
    summary = result.summary
    pks, values, schema = summary.pks, summary.values, summary.schema
    sides = [
        ("Rows", pks.total_rows),
        ("Only here", pks.exclusives),
        ("Duplicate keys", pks.dupes),
        ("Without a key", pks.nulls),
        ("Only here, without a key", pks.nulls_exclusives),
    ]
    rows_of_sides = [(name, f"{a:,}", f"{b:,}") for name, (a, b) in sides if name in ("Rows", "Only here") or a or b]
    write(table([("", "left"), ("A", "right"), ("B", "right")], rows_of_sides), "")
    differing = [column for column in values.columns_diff_stats if column.values_different]
    if differing:
        rows = [(column.column_name, f"{column.values_different:,}", f"{column.match:.4g} %") for column in differing]
        write(table([("Column", "left"), ("Different values", "right"), ("Match", "right")], rows), "")
    only_a, only_b = schema.exclusive_columns
    write(
        facts(
            [
                ("Rows that differ", f"{summary.different_rows:,} of {summary.rows_compared:,}"),
                ("Changed", f"{values.rows_with_differences:,}"),
                ("Match", f"{100 * summary.match_ratio:.6g} %"),
                ("Columns only in A", list(only_a)),
                ("Columns only in B", list(only_b)),
                ("Of another type", list(schema.column_type_differs)),
            ]
        )
    )
    if result.sample:
        headings = [("Key", "left"), ("Column", "left"), ("A", "left"), ("B", "left")]
        write("", table(headings, (cells for row in result.sample for cells in _cells(row))))


def _cells(row: Any) -> list[tuple[str, str, str, str]]:
    key = ", ".join(_value(value) for value in row.key.values())
    if row.difference == "only_in_a":
        return [(key, "-", "only here", "-")]
    if row.difference == "only_in_b":
        return [(key, "-", "-", "only here")]
    return [(key, name, _value(row.a[name]), _value(row.b[name])) for name in row.a]


def _value(text: str | None) -> str:
    return "NULL" if text is None else text
