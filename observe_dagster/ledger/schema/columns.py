"""What the columns of all tables share."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect

SCHEMA = "observe"

metadata = sa.MetaData(
    schema=SCHEMA,
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "ux_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    },
)

Json = JSONB(none_as_null=True)
"""JSON where a Python None is stored as NULL, not as the JSON value null."""


class Moment(sa.TypeDecorator[datetime]):
    """A timestamptz that goes in aware and comes out in UTC."""

    impl = sa.TIMESTAMP(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone."""
        del dialect
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert from the session's zone."""
        del dialect
        return None if value is None else value.astimezone(UTC)


def identity() -> sa.Column[int]:
    """A BIGINT id that the database counts up."""
    return sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True)


def created_at() -> sa.Column[datetime]:
    """When the row was written."""
    return sa.Column("created_at", Moment, nullable=False, server_default=sa.func.now())


def no_errors(name: str = "errors") -> sa.Column[Any]:
    """A JSON list of messages, empty when nothing is wrong."""
    return sa.Column(name, Json, nullable=False, server_default=sa.text("'[]'::jsonb"))


def flag(name: str, *, default: bool) -> sa.Column[bool]:
    """A boolean that is never null."""
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.true() if default else sa.false())
