"""The ledger database: the engine, errors of its driver as LedgerError, advisory locks, parameters."""

import hashlib
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any, NoReturn

import psycopg
import sqlalchemy as sa
from sqlalchemy import exc

from observe_dagster.errors import LedgerError, LedgerSchemaError
from observe_dagster.redaction import MASK

_NO_SCHEMA = ("3F000", "42P01", "42703")
_TRANSIENT_CLASSES = ("08", "40", "53", "55", "57")
_LONGEST_WAIT = "lock_timeout=300s"
KEEPALIVE = {
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""What makes a connection notice that the network is gone."""


def open_engine(url: str, *, pool: type[sa.Pool] = sa.QueuePool) -> sa.Engine:
    """Make an engine on psycopg 3 with a small pool; connects when first used.

    A statement waits five minutes for a lock; `?options=-c lock_timeout=…` in the URL says otherwise.
    """
    try:
        target = sa.make_url(url)
        sizes = {"pool_size": 5, "max_overflow": 10, "pool_pre_ping": True} if pool is sa.QueuePool else {}
        return sa.create_engine(
            target.set(drivername="postgresql+psycopg"),
            poolclass=pool,
            connect_args={
                "application_name": "observe",
                "connect_timeout": 10,
                **KEEPALIVE,
                **target.query,
                "options": f"-c {_LONGEST_WAIT} {target.query.get('options', '')}".strip(),
            },
            hide_parameters=True,
            **sizes,
        )
    except (exc.ArgumentError, ValueError):
        raise LedgerError("The ledger's URL cannot be read; write postgresql://user@host:5432/database.") from None


@contextmanager
def reporting(engine: sa.Engine) -> Generator[None]:
    """Turn what the driver raises into a LedgerError that holds no secret and no row."""
    try:
        yield
    except (exc.SQLAlchemyError, psycopg.Error) as error:
        fail(error, engine.url)


def fail(error: Exception, url: sa.URL) -> NoReturn:
    """Raise the LedgerError for a driver's error; `transient` tells whether waiting may help."""
    cause = error.orig if isinstance(error, exc.DBAPIError) and error.orig is not None else error
    state = (cause.sqlstate or "") if isinstance(cause, psycopg.Error) else ""
    if state in _NO_SCHEMA:
        raise LedgerSchemaError(
            "The ledger database is not at the schema this version needs: run `observe migrate`."
        ) from None
    reported = LedgerError(f"The ledger database: {_message(cause, url)}")
    reported.transient = _is_transient(error, cause, state)
    raise reported from None


def _message(cause: BaseException, url: sa.URL) -> str:
    primary = cause.diag.message_primary if isinstance(cause, psycopg.Error) else None
    if primary is None and isinstance(cause, psycopg.OperationalError):
        primary = str(cause).strip().partition("\n")[0]
    text = primary or type(cause).__name__
    password = url.password or url.query.get("password")
    return text.replace(str(password), MASK) if password else text


def _is_transient(error: Exception, cause: BaseException, state: str) -> bool:
    if isinstance(error, exc.TimeoutError):
        return True
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return True
    if state:
        return state[:2] in _TRANSIENT_CLASSES
    return isinstance(cause, psycopg.OperationalError)


def advisory_key(name: str) -> int:
    """A stable signed 64-bit number for a lock, the same in every process and version."""
    digest = hashlib.sha256(f"observe_dagster:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def storable(text: str) -> str:
    """The text without what PostgreSQL cannot hold: NUL characters and lone surrogates."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def among(column: sa.Column[Any], values: Iterable[Any], kind: Any = sa.Text) -> sa.ColumnElement[bool]:
    """Whether a column has any of the values: one array parameter, for PostgreSQL takes 65 535 parameters at most."""
    return column == sa.any_(sa.bindparam(None, list(values), type_=sa.ARRAY(kind)))
