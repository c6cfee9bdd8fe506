"""Create databases on a PostgreSQL server."""

from urllib.parse import quote, urlsplit

import psycopg
from psycopg import errors, sql

from observe_dagster.errors import LedgerError


def create_database(url: str, name: str, *, template: str | None = None) -> str:
    """Create the database unless it exists and return its URL; `template` is a database to copy.

    Raises LedgerError when the server cannot be reached or refuses.
    """
    statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template is not None:
        statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement)
    except (errors.DuplicateDatabase, errors.UniqueViolation):
        pass
    except psycopg.Error as error:
        reason = error.diag.message_primary or type(error).__name__
        raise LedgerError(f"The database {name!r} could not be created: {reason}.") from None
    # SQLAlchemy would write a space in `host=` as +, which libpq takes for a plus.
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/{quote(name, safe='')}" + (f"?{parts.query}" if parts.query else "")
