"""Look for the rows that fail a test monitor, in one read-only session."""

from collections.abc import Iterator

from observe_dagster.checks.test import SAMPLE_ROWS, Failures
from observe_dagster.config.models.monitors import DataTestMonitor
from observe_dagster.config.validation.monitor_sql import template_queries
from observe_dagster.errors import WarehouseError
from observe_dagster.warehouse import Dialect, Reader
from observe_dagster.warehouse.metrics import count_statement, failing_rows, text_statement


def find_failures(slug: str, monitor: DataTestMonitor, reader: Reader) -> list[Failures]:
    """Run every query of a test; raises WarehouseError when one cannot be run."""
    left = SAMPLE_ROWS
    failures_by_query: list[Failures] = []
    for looked_for, query in _queries(slug, monitor, reader.dialect):
        failures = _failures(reader, looked_for, query, left)
        left -= len(failures.sample)
        failures_by_query.append(failures)
    return failures_by_query


def _queries(slug: str, monitor: DataTestMonitor, dialect: Dialect) -> Iterator[tuple[str, str]]:
    if monitor.query is None:
        yield from failing_rows(dialect, monitor.test) if monitor.test is not None else ()
    elif monitor.test is None:
        yield slug, monitor.query
    else:
        queries = list(template_queries(monitor.query, monitor.test, quote=dialect.quote, string=dialect.string))
        for number, query in enumerate(queries, start=1):
            yield slug if len(queries) == 1 else f"{slug} ({number} of {len(queries)})", query


def _failures(reader: Reader, looked_for: str, query: str, sample_rows: int) -> Failures:
    try:
        count = int(reader.rows(count_statement(query))[0][0])
        if count == 0 or sample_rows <= 0:
            return Failures(looked_for=looked_for, count=count)
        columns = tuple(column.name for column in reader.describe(query))
        sample = reader.rows(text_statement(reader.dialect, query, columns), limit=sample_rows)
    except WarehouseError as error:
        raise WarehouseError(reader.connection_id, f"{looked_for}: {error}", transient=error.transient) from None
    return Failures(looked_for=looked_for, count=count, columns=columns, sample=sample)
