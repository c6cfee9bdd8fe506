"""A plain way to run SQL in a database of either engine."""

from typing import Any

import duckdb
import psycopg

Rows = list[tuple[Any, ...]]


def run_sql(engine: str, place: str, *statements: str) -> Rows:
    """Run statements at UTC, each committed; return the rows of the last one, if it has any."""
    if engine == "postgres":
        with psycopg.connect(place, autocommit=True, options="-c timezone=UTC") as driver:
            for statement in statements:
                cursor = driver.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []
    with duckdb.connect(place) as driver:
        driver.execute("SET TimeZone = 'UTC'")
        for statement in statements:
            driver.execute(statement)
        return driver.fetchall()
