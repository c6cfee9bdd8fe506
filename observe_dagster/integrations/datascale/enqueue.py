"""Decides which scripts become publications for Datascale: those whose content changed since the last one."""

from collections.abc import Iterable
from datetime import datetime

from observe_dagster.integrations.datascale.sender import PUBLISHER
from observe_dagster.integrations.facts import SQL_CONTENT, SqlContent, as_record, record_hash
from observe_dagster.ledger import Ledger, NewPublication


def enqueue(tx: Ledger, scripts: Iterable[SqlContent], *, now: datetime) -> int:
    """Enqueue changed scripts; returns the number of publications.

    A script that was refused is not enqueued again before its content changes.
    """
    records = {script.ordering_key: as_record(script) for script in scripts}
    newest = tx.outbox.newest_items(publisher=PUBLISHER, kind=SQL_CONTENT)
    changed = {key: record for key, record in records.items() if key not in newest or newest[key].record != record}
    pending = {key: record for key, record in changed.items() if key in newest and newest[key].state == "pending"}
    replaced = tx.outbox.supersede_all(publisher=PUBLISHER, kind=SQL_CONTENT, records=pending, now=now)
    publications = (
        NewPublication(
            publisher=PUBLISHER,
            kind=SQL_CONTENT,
            ordering_key=key,
            record=record,
            dedupe_key=f"{key}:{newest[key].id if key in newest else 0}:{record_hash(record)}",
        )
        for key, record in changed.items()
        if key not in replaced
    )
    return tx.outbox.enqueue_all(publications, now=now)
