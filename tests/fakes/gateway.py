"""An HTTP server on the loopback interface that can be told to misbehave; what it answers otherwise is a subclass's."""

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request that arrived whole."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Answer = tuple[int, Mapping[str, str], bytes]


class Gateway:
    """Answers by `answer`; `plan` says how to treat the next requests: a status, `reset`, `slow`, `garbage`, `lost`.

    A plan's entry may also be `(status, headers)`. `lost` takes the request and then resets the connection, `hang`
    takes it and never answers. Once `plan` is empty `always` holds, which is None for an honest answer.
    """

    def __init__(self, port: int = 0) -> None:
        self.asked: list[Asked] = []
        self.plan: list[Any] = []
        self.always: Any = None
        self.treatment: Any = None
        self.released = threading.Event()
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, asked: Asked) -> Answer:
        """The honest answer."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _do(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(method=self.command, path=self.path, headers=headers, body=body)
                with gateway.lock:
                    gateway.asked.append(asked)
                    treatment = gateway.plan.pop(0) if gateway.plan else gateway.always
                    gateway.treatment = treatment
                    honest = gateway.answer(asked) if treatment in (None, "lost", "garbage", "hang") else None
                if treatment in ("reset", "lost"):
                    # Closing with a linger of zero makes the kernel send a reset.
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.close_connection = True
                    self.connection.close()
                    return
                if treatment in ("slow", "hang"):
                    gateway.released.wait(30)
                    self.close_connection = True
                    return
                if treatment == "garbage":
                    self._say(200, {}, b"<html>all is well</html>")
                elif honest is not None:
                    self._say(*honest)
                else:
                    status, more = treatment if isinstance(treatment, tuple) else (treatment, {})
                    self._say(status, more, json.dumps({"message": f"told to say {status}"}).encode())

            do_POST = do_PUT = do_GET = do_DELETE = do_PATCH = _do  # noqa: N815

            def _say(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        return Handler
