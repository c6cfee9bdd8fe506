"""The errors this package raises, as one tree.

    ObserveError
    ├── SpecError                 what a user declared cannot be used (all problems of all files at once)
    ├── SettingsError             the environment cannot be used
    ├── NotFoundError             no such connection, data model, pipeline or run
    │   └── NotAppliedError       declared, but not created at Warehouse Sync yet
    ├── WarehouseError            an engine refused or could not be reached
    │   ├── ConnectionFailedError wrong credentials, unknown host, file locked by another process
    │   ├── AdapterMissingError   the provider has no adapter installed
    │   ├── DataModelError        the engine rejects the data model's SQL
    │   ├── UnsupportedTypeError  the destination cannot hold a column
    │   └── InterruptedTransferError  the rows that arrived are not the rows that were sent
    ├── SyncError                 a run cannot go on
    │   ├── AlreadyInProgressError
    │   ├── RequestError          the request does not fit the pipeline
    │   ├── NothingToSyncError
    │   ├── LimitExceededError    max_rows_per_run, max_catchup, max_delete_percent
    │   ├── SchemaChangedError    schema_change: freeze, or a change that cannot be followed
    │   ├── NullIteratorError     null_iterator: fail
    │   ├── WatermarkConflictError  another run committed in between
    │   ├── StillCommittingError  an earlier attempt's commit has not ended yet
    │   ├── LockLostError         the connection to the ledger was lost, and another run took over
    │   └── PipelineFaultedError
    ├── DeliveryError             a message did not arrive at its channel
    ├── PublishError              an integration refused a request, or did not answer
    │   ├── UnreachableError      no answer: no connection, a reset, a timeout
    │   ├── RefusedCredentialsError  401, 403
    │   ├── TooLargeError         413
    │   └── RateLimitedError      429
    ├── IngestError               SQL cannot be ingested for its lineage
    └── LedgerError
        ├── LedgerConflictError   a verb was repeated with another body
        └── LedgerSchemaError     the database is not at this version's schema

Driver exceptions never leave `warehouse` and `ledger`; each error carries what a caller needs to act on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any


class ObserveError(Exception):
    """Anything this package reports on purpose: the message names what is wrong and the way out."""

    transient: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong in one declared file.

    `path` is the place in the document, such as `pipelines.2.schedule.frequency`; `line` and `column` count from 1.
    """

    file: str
    message: str
    path: str = ""
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}:{self.column or 1}"
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class SpecError(ObserveError):
    """The declared files cannot be used; `problems` has one entry for each mistake, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        heading = "1 problem" if count == 1 else f"{count} problems"
        super().__init__("\n".join([f"{heading} in what is declared:", *(f"  {problem}" for problem in self.problems)]))


class SettingsError(ObserveError):
    """An environment variable has a value that cannot be used."""


class NotFoundError(ObserveError):
    """Nothing of that name is declared or recorded."""

    def __init__(self, kind: str, name: str, suggestion: str | None = None) -> None:
        self.kind, self.name, self.suggestion = kind, name, suggestion
        hint = f" Did you mean {suggestion!r}?" if suggestion else ""
        super().__init__(f"There is no {kind} {name!r}.{hint}")


class NotAppliedError(NotFoundError):
    """What is declared to run at Warehouse Sync is not there yet."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(kind, name)
        self.args = (f"Warehouse Sync has no {kind} {name!r}; `observe warehouse-sync apply` creates it.",)


class WarehouseError(ObserveError):
    """An engine refused a statement or could not be reached."""

    def __init__(self, connection_id: str, message: str, *, transient: bool = False) -> None:
        self.connection_id, self.transient = connection_id, transient
        super().__init__(f"Connection {connection_id!r}: {message}")


class ConnectionFailedError(WarehouseError):
    """The connection could not be opened; `transient` is whether waiting may help."""


class OutOfMemoryError(WarehouseError):
    """The engine had less memory than a statement takes; `transient` is whether another attempt may have more."""


class AdapterMissingError(WarehouseError):
    """The provider is known, but no adapter for it is installed."""


class DataModelError(WarehouseError):
    """The engine rejects a data model's SQL."""

    def __init__(self, connection_id: str, data_model_id: str, message: str) -> None:
        self.data_model_id = data_model_id
        super().__init__(connection_id, f"data model {data_model_id!r} is invalid: {message}")


class UnsupportedTypeError(WarehouseError):
    """The destination cannot hold a column; raised before any row moves."""

    def __init__(self, connection_id: str, column: str, type_name: str, reason: str) -> None:
        self.column, self.type_name = column, type_name
        super().__init__(connection_id, f"column {column!r} of type {type_name}: {reason}")


class InterruptedTransferError(WarehouseError):
    """The number of rows that arrived differs from the number sent; nothing was committed."""

    def __init__(self, connection_id: str, *, sent: int, arrived: int) -> None:
        self.sent, self.arrived = sent, arrived
        super().__init__(
            connection_id, f"{sent} rows were sent but {arrived} arrived; nothing was committed.", transient=True
        )


class SyncError(ObserveError):
    """A run of one pipeline cannot go on; nothing was committed."""

    def __init__(self, pipeline_id: str, message: str, *, transient: bool = False) -> None:
        self.pipeline_id, self.transient = pipeline_id, transient
        super().__init__(message)


class AlreadyInProgressError(SyncError):
    """Another run of the pipeline is in progress, here or on another machine."""

    def __init__(self, pipeline_id: str) -> None:
        super().__init__(pipeline_id, f"Pipeline {pipeline_id} is already in progress.")


class RequestError(SyncError):
    """The request does not fit the pipeline; nothing was recorded, and the pipeline is as it was."""


class NothingToSyncError(SyncError):
    """No interval is open to be read: the next one has not closed yet, or `until` or `end` is reached."""


class LimitExceededError(SyncError):
    """A guard declared on the pipeline stopped the run before anything was changed."""

    def __init__(self, pipeline_id: str, limit: str, message: str) -> None:
        self.limit = limit
        super().__init__(pipeline_id, message)


class SchemaChangedError(SyncError):
    """The source's columns differ from the destination's in a way the pipeline's policy refuses."""


class NullIteratorError(SyncError):
    """Rows have a null iterator and the pipeline declares `null_iterator: fail`."""


class WatermarkConflictError(SyncError):
    """Another run of the pipeline committed between planning and commit; this run was rolled back."""

    def __init__(self, pipeline_id: str, *, expected: str | None, found: str | None) -> None:
        self.expected, self.found = expected, found
        super().__init__(
            pipeline_id,
            f"Pipeline {pipeline_id} was planned from watermark {expected} but the destination is at {found}: "
            "another run committed in between. Nothing was committed; run it again.",
            transient=True,
        )


class StillCommittingError(SyncError):
    """A commit of the pipeline has not ended yet in its destination, so that nobody knows what the next run reads."""

    def __init__(self, pipeline_id: str) -> None:
        super().__init__(
            pipeline_id,
            f"The destination still works on an earlier commit of pipeline {pipeline_id}; the run goes on after it.",
            transient=True,
        )


class LockLostError(SyncError):
    """The run lost its lock with its connection to the ledger, and another run took over and recorded its end."""

    def __init__(self, pipeline_id: str, cause: Exception) -> None:
        super().__init__(
            pipeline_id,
            f"The connection to the ledger was lost, and another run of pipeline {pipeline_id} has taken over. "
            f"This run ended with: {cause}",
        )


class PipelineFaultedError(SyncError):
    """The pipeline is faulted and this trigger may not clear it."""


class DeliveryError(ObserveError):
    """A message did not arrive; `permanent` where sending it again will not help. Holds no secret."""

    def __init__(self, channel_id: str, reason: str, *, permanent: bool = False) -> None:
        self.channel_id, self.reason, self.permanent = channel_id, reason, permanent
        self.transient = not permanent
        super().__init__(f"Channel {channel_id!r}: {reason}")


class PublishError(ObserveError):
    """An integration refused a request, or did not answer. Holds no secret.

    `permanent` is that sending the same again will not help; `retry_after` is the requested wait; `body` is the
    answer as JSON, None when it was not JSON or there was none.
    """

    def __init__(
        self,
        system: str,
        reason: str,
        *,
        permanent: bool = False,
        status: int | None = None,
        retry_after: timedelta | None = None,
        body: Any = None,
    ) -> None:
        self.system, self.reason, self.permanent, self.status = system, reason, permanent, status
        self.retry_after, self.body = retry_after, body
        self.transient = not permanent
        super().__init__(f"{system} {reason}")


class UnreachableError(PublishError):
    """There was no answer; the request may have arrived all the same."""


class RefusedCredentialsError(PublishError):
    """The credentials are wrong or do not allow this."""


class TooLargeError(PublishError):
    """The body is larger than what the system takes."""


class RateLimitedError(PublishError):
    """Too many requests were made."""


class IngestError(ObserveError):
    """SQL was not ingested; `code`, `error` and `details` are those of the Datascale document."""

    def __init__(
        self, code: str, error: str, details: str, *, line: int | None = None, column: int | None = None
    ) -> None:
        self.code, self.error, self.details, self.line, self.column = code, error, details, line, column
        super().__init__(f"{code}: {error}\n{details}")


class LedgerError(ObserveError):
    """The ledger database refused a verb or could not be reached."""


class LedgerConflictError(LedgerError):
    """The same execution was started or ended again with different facts."""


class LedgerSchemaError(LedgerError):
    """The ledger database is not at the schema this version needs: run `observe migrate`."""


class DemoFailedError(ObserveError):
    """A destination differs from its source, a run reported other counts, or a fault was not detected as expected."""
