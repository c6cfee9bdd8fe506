"""Why a run failed, read from its events."""

from collections.abc import Iterable, Iterator

import dagster as dg

_INTERRUPTIONS = (KeyboardInterrupt.__name__, dg.DagsterExecutionInterruptedError.__name__)


def failure_messages(events: Iterable[dg.DagsterEvent]) -> Iterator[str]:
    """The message of each failed step: its own description, or that of the innermost cause."""
    for event in events:
        if not event.is_step_failure:
            continue
        failure = event.step_failure_data
        if failure.user_failure_data is not None and failure.user_failure_data.description:
            yield failure.user_failure_data.description
        elif failure.error is not None:
            error = failure.error
            while error.cause is not None:
                error = error.cause
            yield error.message.strip()


def failure_reason(events: Iterable[dg.DagsterEvent]) -> str | None:
    """The name of the error that ended the first failed step, None where it is not one of this package's."""
    for event in events:
        if event.is_step_failure and event.step_failure_data.user_failure_data is not None:
            reason = event.step_failure_data.user_failure_data.metadata.get("observe/error")
            return None if reason is None else str(reason.value)
    return None


def was_interrupted(events: Iterable[dg.DagsterEvent]) -> bool:
    """Whether a step failed because this process was interrupted."""
    failures = (event.step_failure_data.error for event in events if event.is_step_failure)
    return any(error is not None and error.cls_name in _INTERRUPTIONS for error in failures)
