"""The frame of the stand-alone fakes of JSON APIs: a server on the loopback interface that can be told to misbehave."""

import contextlib
import json
import re
import socket
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

Answer = tuple[int, Any]


class Refused(Exception):  # noqa: N818 (an answer, not an error of ours)
    """What a handler raises to answer with an error."""

    def __init__(self, status: int, document: Any) -> None:
        self.status, self.document = status, document
        super().__init__(status)


class JsonApi:
    """Answers by `routes`: a method and a pattern of the path, as it was sent, to a handler.

    A handler gets the unquoted groups of the pattern, `query` and `body`, and returns a status and a document.
    `requests` has every method and path as it was sent. The next requests are treated as `failures` says: a status,
    `(status, headers)`, `reset` (after the request was carried out) or `garbage`.
    """

    routes: tuple[tuple[str, str, str], ...] = ()

    def __init__(self, port: int = 0) -> None:
        self.requests: list[tuple[str, str]] = []
        self.failures: list[Any] = []
        self._one_at_a_time = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        serve = lambda: self._server.serve_forever(poll_interval=0.02)  # noqa: E731
        threading.Thread(target=serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def authorized(self, headers: Any) -> bool:
        """Whether the request may be made."""
        return True

    def unauthorized(self) -> Answer:
        return 401, {"detail": "Not authenticated"}

    def sent(self, method: str) -> list[str]:
        """The paths of the requests of one method."""
        return [path for name, path in self.requests if name == method]

    def answer(self, method: str, target: str, headers: Any, raw: bytes) -> Answer:
        """Carry out one request."""
        parts = urlsplit(target)
        self.requests.append((method, parts.path))
        if not self.authorized(headers):
            return self.unauthorized()
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            return 400, {"detail": "The body is not JSON"}
        for verb, pattern, name in self.routes:
            match = re.fullmatch(pattern, parts.path)
            if match is not None and verb == method:
                handler: Callable[..., Answer] = getattr(self, name)
                try:
                    return handler(*(unquote(each) for each in match.groups()), query=query, body=body)
                except Refused as refused:
                    return refused.status, refused.document
        return 404, {"detail": "Not Found"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length") or 0))
                with api._one_at_a_time:
                    failure = api.failures.pop(0) if api.failures else None
                    more: dict[str, str] = {}
                    if isinstance(failure, tuple):
                        failure, more = failure
                    if isinstance(failure, int):
                        api.requests.append((self.command, urlsplit(self.path).path))
                        status, document = failure, {"detail": "told to fail"}
                    else:
                        status, document = api.answer(self.command, self.path, self.headers, raw)
                if failure == "reset":
                    # Closing with a linger of zero makes the kernel send a reset.
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()
                    self.close_connection = True
                    return
                text = b"<html>what?</html>" if failure == "garbage" else json.dumps(document).encode()
                text = b"" if status == 204 else text
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    for name, value in more.items():
                        self.send_header(name, value)
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815 (names of the base class)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        return Handler


def serve_until_killed(api: JsonApi) -> None:
    """Run a fake as a program of its own."""
    with api:
        print(api.url, flush=True)
        threading.Event().wait()
