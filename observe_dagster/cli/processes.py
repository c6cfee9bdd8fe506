"""Running a server as a child: announce it when it answers, pass signals on, leave nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from observe_dagster.errors import ObserveError

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_POLL_SECONDS = 0.25


class ServerStoppedError(ObserveError):
    """The child ended although nobody asked it to."""


def free_port(host: str, port: int) -> int:
    """Return `port` if nothing listens on it, any free port for 0; raises ObserveError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ObserveError(f"Cannot listen on {host}:{port} ({error.strerror}); choose another --port.") from None
        return int(probe.getsockname()[1])


def run_server(
    command: Sequence[str], environment: Mapping[str, str], *, answers_at: str, announce: Callable[[], None]
) -> int:
    """Run `command` until it ends or a signal asks for the end; returns the exit code for this process.

    The first signal asks the child to stop as Ctrl-C would, the second ends its whole process group. `announce` is
    called once, when `answers_at` answers. Raises ServerStoppedError when the child ends by itself.
    """
    received: list[int] = []
    # The child gets a session of its own, so that Ctrl-C in a terminal reaches it once, from here. Handlers are set
    # before it starts: an ignored SIGINT, which background jobs have, would be inherited.
    with _handled(_PASSED_ON, received.append):
        child = subprocess.Popen(  # noqa: S603 (the command is ours)
            list(command),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
            start_new_session=True,
        )
        try:
            code = _follow(child, received, answers_at, announce)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    if received:
        return 128 + received[0]
    raise ServerStoppedError(f"The server stopped by itself with exit code {code}; see what it wrote above.")


def _follow(child: subprocess.Popen[bytes], received: list[int], answers_at: str, announce: Callable[[], None]) -> int:
    announced, passed_on = False, 0
    while True:
        with suppress(subprocess.TimeoutExpired):
            return child.wait(_POLL_SECONDS)
        if len(received) > passed_on:
            with suppress(ProcessLookupError):
                if passed_on == 0 and len(received) == 1:
                    child.send_signal(signal.SIGINT)
                else:
                    os.killpg(child.pid, signal.SIGKILL)
            passed_on = len(received)
        elif not announced and not received and _answers(answers_at):
            announce()
            announced = True


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=_POLL_SECONDS * 4) as response:  # noqa: S310 (our own server's URL)
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def _handled(signals: Sequence[signal.Signals], note: Callable[[int], object]) -> Any:
    def handler(number: int, _frame: FrameType | None) -> None:
        note(number)

    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
