"""An HTTP receiver on the loopback interface for what Apprise's `json://` sends; it can be told to misbehave.

Stand-alone: `python receiver.py PORT` prints each message that arrives as a line of JSON.
"""

import contextlib
import json
import socket
import struct
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

FIELDS = {"version": str, "title": str, "message": str, "attachments": list, "type": str}


class Receiver:
    """Keeps the messages that arrived whole; `answers` says how to treat the next requests: a status, `reset`, `slow`.

    A request that is refused is not a message. `invalid` has what was wrong with requests that are not Apprise's.
    """

    def __init__(self, port: int = 0, told: Callable[[dict[str, Any]], None] | None = None) -> None:
        self.messages: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.invalid: list[str] = []
        self.answers: list[int | str] = []
        self.always: int | str = 200
        self.released = threading.Event()
        self._told = told
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True

    @property
    def port(self) -> int:
        return self._server.server_port

    def url(self, path: str = "hook-secret-path") -> str:
        """What a channel's url has to be."""
        return f"json://teller:pass-word-17@127.0.0.1:{self.port}/{path}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                answer = receiver.answers.pop(0) if receiver.answers else receiver.always
                if answer == "reset":
                    # Closing with data left unsent and a linger of zero makes the kernel send a reset.
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()
                    return
                if answer == "slow":
                    receiver.released.wait(30)
                    return
                if answer == 200 and not receiver._accept(self.path, body):
                    answer = 400
                with contextlib.suppress(OSError):
                    self.send_response(int(answer))
                    self.send_header("content-length", "0")
                    self.end_headers()

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        return Handler

    def _accept(self, path: str, body: bytes) -> bool:
        try:
            message = json.loads(body)
        except ValueError:
            self.invalid.append("not JSON")
            return False
        wrong = [name for name, kind in FIELDS.items() if not isinstance(message.get(name), kind)]
        if wrong or message["type"] not in ("info", "success", "warning", "failure") or not message["message"]:
            self.invalid.append(f"wrong: {wrong or message}")
            return False
        self.messages.append(message)
        self.paths.append(path)
        if self._told is not None:
            self._told(message)
        return True


if __name__ == "__main__":
    with Receiver(int(sys.argv[1]), told=lambda message: print(json.dumps(message), flush=True)) as running:
        threading.Event().wait()
