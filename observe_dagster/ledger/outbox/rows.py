"""Publications as they are put into the outbox and taken from it, and statements of the query log."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One item of the outbox; `state` is pending, sent or dead, `attempts` counts the claims."""

    id: int
    publisher: str
    kind: str
    ordering_key: str
    record: Mapping[str, Any] = field(hash=False)
    state: str
    attempts: int
    next_attempt_at: datetime
    last_error: str | None
    created_at: datetime
    sent_at: datetime | None
    lease: str | None = field(repr=False)
    receipt: Mapping[str, Any] | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPublication:
    """An item to put into the outbox.

    A publisher has only one item of each `dedupe_key`. An item is sent from `due` on, at once by default, and not
    before the earlier items of the ordering keys `after`.
    """

    publisher: str
    kind: str
    ordering_key: str
    record: Mapping[str, Any] = field(hash=False)
    dedupe_key: str | None = None
    due: datetime | None = None
    after: Collection[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedQuery:
    """A statement of the query log; `id` is its primary key."""

    id: int
    connection_id: str
    query_id: str
    query_text: str
    user_name: str
    started_at: datetime
    ended_at: datetime
    returned_rows: int | None
