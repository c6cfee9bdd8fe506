"""Receives the example's alerts on the loopback interface, as a team's webhook would."""

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMessage:
    """One message that arrived; `type` is failure, warning or success."""

    title: str
    text: str
    type: str


class Receiver:
    """Keeps what Apprise's `json://` sends to `url`, in the order in which it arrived."""

    def __init__(self) -> None:
        self.messages: list[ReceivedMessage] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self.messages))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """What a channel's url has to be."""
        return f"json://127.0.0.1:{self._server.server_port}/alerts"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(messages: list[ReceivedMessage]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            try:
                fields = json.loads(body)
                message = ReceivedMessage(
                    title=str(fields["title"]), text=str(fields["message"]), type=str(fields["type"])
                )
            except (ValueError, KeyError, TypeError):
                self.send_response(400)
            else:
                messages.append(message)
                self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
            """Say nothing."""

    return Handler
