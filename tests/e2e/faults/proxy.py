"""A TCP relay before a database that can be cut, closed, slowed and held at a chosen moment of a conversation."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit

_CHUNK = 64 * 1024
_RESET = struct.pack("ii", 1, 0)
_SOCKET_NAME = ".s.PGSQL.5432"

Act = Callable[[], None]
Side = Literal["asked", "answered"]


class _Moment:
    """When something is to happen: once the server has sent so much, or the client has asked for some things in turn.

    With `answered`, it happens when the server answers the last of them, instead of before it is asked.
    """

    def __init__(self, act: Act, *, size: int | None = None, asked: tuple[bytes, ...] = (), answered: bool) -> None:
        self._act, self._left, self._awaited, self._answered = act, size, list(asked), answered
        self._armed = False

    def see(self, side: Side, data: bytes) -> Act | None:
        """Look at what passes by; return what is to be done now."""
        if side == "asked":
            while self._awaited and self._awaited[0] in data:
                self._awaited.pop(0)
                self._armed = not self._awaited
            return self._act if self._armed and not self._answered else None
        if self._left is not None:
            self._left -= len(data)
            return self._act if self._left <= 0 else None
        return self._act if self._armed and self._answered else None


class Proxy:
    """Relays between a port of its own and a PostgreSQL server's socket."""

    def __init__(self, database_url: str, *, password: str) -> None:
        parts = urlsplit(database_url)
        folder = unquote(parse_qs(parts.query)["host"][0])
        self._upstream = f"{folder}/{_SOCKET_NAME}"
        self._database, self._password = parts.path, password
        self._guard = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._moments: list[_Moment] = []
        self._flowing = threading.Event()
        self._flowing.set()
        self._welcoming = threading.Event()
        self._welcoming.set()
        self.delay_seconds = 0.0
        self._listener: socket.socket | None = self._listen(0)
        self._port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        """The database's URL by way of this proxy, with a password that the server does not ask for."""
        return f"postgresql://postgres:{quote(self._password, safe='')}@127.0.0.1:{self._port}{self._database}"

    # When

    def when_sent(self, size: int, act: Act) -> None:
        """Act once, when the server has sent so many bytes."""
        self._moments.append(_Moment(act, size=size, answered=False))

    def when_asked(self, *parts: bytes, act: Act) -> None:
        """Act once, before the server gets the last of these parts of statements, asked in this order."""
        self._moments.append(_Moment(act, asked=parts, answered=False))

    def when_answered(self, *parts: bytes, act: Act) -> None:
        """Act once, when the server has done what was asked, but before its answer arrives."""
        self._moments.append(_Moment(act, asked=parts, answered=True))

    # What

    def cut(self) -> None:
        """Reset every connection; new ones are welcome."""
        with self._guard:
            pairs, self._pairs = self._pairs, set()
        for client, server in pairs:
            with contextlib.suppress(OSError):
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            _end(client, socket.SHUT_RD)
            _end(server, socket.SHUT_RDWR)

    def truncate(self) -> None:
        """End every connection in good order, in the middle of what it says."""
        with self._guard:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for end in pair:
                _end(end, socket.SHUT_RDWR)

    def refuse(self) -> None:
        """Cut every connection and let none in until healed."""
        listener, self._listener = self._listener, None
        if listener is not None:
            _end(listener, socket.SHUT_RDWR)
        self.cut()

    def stall(self) -> None:
        """Hold everything back until healed."""
        self._flowing.clear()

    def while_newcomers_wait(self, act: Act) -> Act:
        """Do the same, and let no new connection through before it is done."""

        def acting() -> None:
            self._welcoming.clear()
            try:
                act()
            finally:
                self._welcoming.set()

        return acting

    def heal(self) -> None:
        """Let everything pass as it comes."""
        self._moments.clear()
        self.delay_seconds = 0.0
        self._flowing.set()
        if self._listener is None:
            self._listener = self._listen(self._port)

    def close(self) -> None:
        """End everything."""
        self.heal()
        self.refuse()

    # How

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self._welcoming.wait()
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self._upstream)
            except OSError:
                client.close()
                server.close()
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = (client, server)
            with self._guard:
                self._pairs.add(pair)
            for source, sink, side in ((client, server, "asked"), (server, client, "answered")):
                threading.Thread(target=self._relay, args=(source, sink, side, pair), daemon=True).start()

    def _relay(
        self, source: socket.socket, sink: socket.socket, side: Side, pair: tuple[socket.socket, socket.socket]
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                for act in self._due(side, data):
                    act()
                self._flowing.wait()
                if self.delay_seconds:
                    time.sleep(self.delay_seconds)
                sink.sendall(data)
        with self._guard:
            self._pairs.discard(pair)
        for end in pair:
            _end(end, socket.SHUT_RDWR)

    def _due(self, side: Side, data: bytes) -> list[Act]:
        due: list[Act] = []
        with self._guard:
            for moment in list(self._moments):
                act = moment.see(side, data)
                if act is not None:
                    self._moments.remove(moment)
                    due.append(act)
        return due


def _end(end: socket.socket, how: int) -> None:
    """Wake whoever waits for a socket, and close it."""
    with contextlib.suppress(OSError):
        end.shutdown(how)
    with contextlib.suppress(OSError):
        end.close()


@contextmanager
def proxies(password: str, **database_urls: str) -> Iterator[dict[str, Proxy]]:
    """A proxy before each database, by name."""
    opened = {name: Proxy(url, password=password) for name, url in database_urls.items()}
    try:
        yield opened
    finally:
        for proxy in opened.values():
            proxy.close()
