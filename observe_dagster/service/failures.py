"""What went wrong, as the API document words it: a status code and messages, free of secrets."""

import re
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import click

from observe_dagster import redaction
from observe_dagster.errors import ConnectionFailedError, NotFoundError, ObserveError, Problem, SpecError, SyncError

_URL_PASSWORD = re.compile(r"(?P<before>[a-z][a-z0-9+.-]*://[^\s:/@'\"]*:)[^\s'\"]*(?=@)", re.IGNORECASE)
_SHORTEST_SECRET = 3


class RunFailedError(SyncError):
    """A run through Dagster failed; `reason` is the name of the error that ended it, where it is known."""

    def __init__(self, pipeline_id: str, message: str, *, reason: str | None) -> None:
        self.reason = reason
        super().__init__(pipeline_id, message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failed command: what it exits with and what it says."""

    exit_code: int
    status_code: int
    lines: tuple[str, ...]
    errors: tuple[dict[str, Any], ...]

    def document(self) -> dict[str, Any]:
        """The error object of the API document."""
        return {"statusCode": self.status_code, "errors": list(self.errors)}


def describe(error: BaseException, secrets: Iterable[str] = ()) -> Failure:
    """Say what `error` means to the one who gave the command, with every secret masked."""
    hidden = tuple(secrets)
    if isinstance(error, SpecError):
        return Failure(
            exit_code=1,
            status_code=400,
            lines=tuple(redact(str(error), hidden).splitlines()),
            errors=tuple(_problem(problem, hidden) for problem in error.problems),
        )
    if isinstance(error, click.ClickException):
        message = redact(error.format_message(), hidden)
        return _one(message, exit_code=error.exit_code, status_code=400)
    if isinstance(error, ObserveError):
        return _one(redact(str(error), hidden), exit_code=1, status_code=_status_code(error))
    message = redact(f"{type(error).__name__}: {error}", hidden)
    return _one(f"{message}\nThis was not expected; --debug shows where it happened.", exit_code=1, status_code=500)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Mask every secret in `text`, and the password of every URL in it."""
    text = redaction.redact(text, secrets, shortest=_SHORTEST_SECRET)
    return _URL_PASSWORD.sub(rf"\g<before>{redaction.MASK}", text)


def traceback_of(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """The traceback of `error` and its causes, without the values of variables and with secrets masked."""
    lines = traceback.TracebackException.from_exception(error, capture_locals=False).format()
    return redact("".join(lines), secrets)


def _one(message: str, *, exit_code: int, status_code: int) -> Failure:
    return Failure(
        exit_code=exit_code,
        status_code=status_code,
        lines=tuple(message.splitlines()) or ("Something went wrong.",),
        errors=({"message": message},),
    )


def _status_code(error: ObserveError) -> int:
    if isinstance(error, NotFoundError):
        return 404
    reason = error.reason if isinstance(error, RunFailedError) else type(error).__name__
    return 505 if reason == ConnectionFailedError.__name__ else 400


def _problem(problem: Problem, secrets: tuple[str, ...]) -> dict[str, Any]:
    return {
        "message": redact(problem.message, secrets),
        "file": problem.file,
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
    }
