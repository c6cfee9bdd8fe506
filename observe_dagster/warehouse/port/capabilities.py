"""What an engine can and cannot do, as values: whoever has to know asks these and not for an engine's name."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an engine promises; a limit is None where there is none that a statement or a type could meet.

    `snapshot` is how all reads of a session can see one moment: `session`, because a transaction does; `as_of`, by
    time travel in each statement; `statement`, only within one statement.
    """

    transactional_ddl: bool
    """Whether DDL takes part in a transaction: only then may a commit rename a first load's stage to the table."""

    enforced_keys: bool
    """Whether a primary key is declared on new tables, and keeps them unique."""

    single_writer: bool
    """Whether one process at a time may write a connection's database, so that work on it queues."""

    snapshot: Literal["session", "as_of", "statement"]
    sees_open_transactions: bool
    """Whether a source can tell which of its transactions may still commit rows."""

    arrays: bool = True
    widest_decimal_digits: int | None = None
    longest_name_bytes: int | None = None
