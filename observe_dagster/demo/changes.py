"""Change 1 000 rows of the source as its application would, all over the year: updates, inserts and soft deletes."""

from dataclasses import dataclass
from typing import LiteralString, cast

import psycopg

from observe_dagster.demo.tables import FLIGHTS

_COPIED = ", ".join(
    column.split()[0] for column in FLIGHTS.columns.split(", ") if not column.startswith(("flight_id", "updated_at"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """How many rows were changed in each way."""

    inserts: int
    updates: int
    soft_deletes: int


DEMO_CHANGES = Changes(inserts=200, updates=600, soft_deletes=200)

_PICK: LiteralString = (
    "CREATE TEMPORARY TABLE picked ON COMMIT DROP AS"
    " SELECT flight_id, row_number() OVER (ORDER BY md5(CAST(flight_id AS text))) AS place"
    " FROM public.flights WHERE NOT is_deleted ORDER BY place LIMIT %(all)s"
)
_UPDATE: LiteralString = (
    "UPDATE public.flights SET arr_delay = coalesce(arr_delay, 0) + 1, updated_at = now()"
    " FROM picked WHERE picked.flight_id = flights.flight_id AND place <= %(updates)s"
)
_SOFT_DELETE: LiteralString = (
    "UPDATE public.flights SET is_deleted = true, updated_at = now()"
    " FROM picked WHERE picked.flight_id = flights.flight_id"
    " AND place > %(updates)s AND place <= %(updates)s + %(soft_deletes)s"
)
_INSERT = (
    f"INSERT INTO public.flights (flight_id, updated_at, {_COPIED})"  # noqa: S608 (text of our own)
    " SELECT (SELECT max(flight_id) FROM public.flights) + row_number() OVER (ORDER BY flight_id), now(),"
    f" {_COPIED} FROM public.flights JOIN picked USING (flight_id)"
    " WHERE place > %(updates)s + %(soft_deletes)s"
)


def change_rows(connection: psycopg.Connection, changes: Changes = DEMO_CHANGES) -> Changes:
    """Change that many rows in one transaction; returns what was really changed."""
    numbers = {
        "updates": changes.updates,
        "soft_deletes": changes.soft_deletes,
        "all": changes.updates + changes.soft_deletes + changes.inserts,
    }
    with connection.transaction():
        connection.execute(_PICK, numbers)
        return Changes(
            updates=connection.execute(_UPDATE, numbers).rowcount,
            soft_deletes=connection.execute(_SOFT_DELETE, numbers).rowcount,
            inserts=connection.execute(cast("LiteralString", _INSERT), numbers).rowcount,
        )
