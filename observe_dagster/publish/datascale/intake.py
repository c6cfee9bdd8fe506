"""Decides which scripts become publications for Datascale: those whose content changed since it was last put in."""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from observe_dagster.ledger.outbox import enqueue, newest_items, supersede
from observe_dagster.publish.datascale.sender import PUBLISHER
from observe_dagster.publish.facts import SQL_CONTENT, SqlContent, as_record, record_hash


def take_in(db: sa.Connection, scripts: Iterable[SqlContent], *, now: datetime) -> int:
    """Put changed scripts in the outbox; returns how many publications were made.

    A script that was refused is not put in again before its content changes.
    """
    newest = {item.ordering_key: item for item in newest_items(db, publisher=PUBLISHER, kind=SQL_CONTENT)}
    made = 0
    for script in scripts:
        record, key = as_record(script), script.ordering_key
        before = newest.get(key)
        if before is not None and before.record == record:
            continue
        if supersede(db, publisher=PUBLISHER, kind=SQL_CONTENT, ordering_key=key, record=record, now=now):
            continue
        dedupe_key = f"{key}:{before.id if before else 0}:{record_hash(record)}"
        made += enqueue(
            db,
            publisher=PUBLISHER,
            kind=SQL_CONTENT,
            ordering_key=key,
            record=record,
            now=now,
            dedupe_key=dedupe_key,
        )
    return made
