"""Datascale's ingestion as its document describes it, and what "100 requests per 5 minutes" may mean.

Stand-alone: `python -m tests.fakes.datascale PORT`.
"""

import json
import sys
import threading
import time
from collections import deque
from typing import Any, Protocol

from tests.fakes.gateway import Answer, Asked, Gateway

TOKEN = "datascale-token-5"
LIMIT, WINDOW = 100, 300.0


class Limit(Protocol):
    """Admits a request at a moment, or not."""

    def admits(self, now: float) -> bool: ...


class FixedWindow:
    """So many in each window, which begin at moments of the server's own."""

    def __init__(self, offset: float = 0.0) -> None:
        self._offset, self._window, self._used = offset, -1, 0

    def admits(self, now: float) -> bool:
        window = int((now + self._offset) // WINDOW)
        self._used = self._used + 1 if window == self._window else 1
        self._window = window
        return self._used <= LIMIT


class SlidingWindow:
    """So many in the last window, whenever one looks; refused requests do not count."""

    def __init__(self) -> None:
        self._admitted: deque[float] = deque()

    def admits(self, now: float) -> bool:
        while self._admitted and self._admitted[0] <= now - WINDOW:
            self._admitted.popleft()
        if len(self._admitted) >= LIMIT:
            return False
        self._admitted.append(now)
        return True


class TokenBucket:
    """A bucket that holds 100 and is refilled by one every three seconds."""

    def __init__(self) -> None:
        self._tokens, self._at = float(LIMIT), 0.0

    def admits(self, now: float) -> bool:
        self._tokens = min(LIMIT, self._tokens + (now - self._at) * LIMIT / WINDOW)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def respond(method: str, path: str, authorization: str | None, body: Any, assets: dict[str, str]) -> tuple[int, Any]:
    """Status and document for a request; a content that holds `bad sql` cannot be parsed."""
    if authorization != f"Bearer {TOKEN}":
        return 401, _error("AUTHENTICATION_ERROR", "Invalid or missing API token")
    if (method, path) != ("PUT", "/v1/ingest"):
        return 404, _error("INVALID_INPUT", "Not found")
    if not isinstance(body, dict) or not isinstance(body.get("content"), str) or not body["content"].strip():
        return 400, _error("INVALID_INPUT", "content is required")
    if not isinstance(body.get("platform", ""), str) or not isinstance(body.get("extra_config", {}), dict):
        return 400, _error("INVALID_INPUT", "platform is a text and extra_config an object")
    scripts = [script.strip() for script in body["content"].split(";\n") if script.strip()]
    if any("bad sql" in script for script in scripts):
        line = body["content"][: body["content"].index("bad sql")].count("\n") + 1
        return 400, _error("PARSER_ERROR", "Invalid syntax in SQL script", f"Error at line {line}: Expected ';'")
    added = sum(script.partition("(")[0] not in assets for script in scripts)
    assets.update({script.partition("(")[0]: script for script in scripts})
    modified = len(scripts) - added
    message = f"Successfully ingested {len(scripts)} assets [{added} added, {modified} modified]"
    return 200, {"success": True, "message": message}


def _error(code: str, error: str, details: str | None = None) -> dict[str, Any]:
    return {"success": False, "error": error, "details": details, "code": code}


class FakeDatascale(Gateway):
    """Keeps the scripts that it took. `limit` admits requests by the time of day."""

    def __init__(self, port: int = 0, limit: Limit | None = None) -> None:
        super().__init__(port)
        self.assets: dict[str, str] = {}
        self.bodies: list[dict[str, Any]] = []
        self.limit = limit or SlidingWindow()

    def answer(self, asked: Asked) -> Answer:
        """What the document says."""
        if not self.limit.admits(time.monotonic()):
            return 429, {}, b"Too Many Requests"
        body = json.loads(asked.body)
        status, document = respond(asked.method, asked.path, asked.headers.get("authorization"), body, self.assets)
        if status == 200:
            self.bodies.append(body)
        return status, {}, json.dumps(document).encode()


if __name__ == "__main__":
    with FakeDatascale(int(sys.argv[1])) as running:
        print(running.url, flush=True)
        threading.Event().wait()
