"""Writes requests to files instead of sending them, with secrets masked."""

import json
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from observe_dagster.redaction import MASK

if TYPE_CHECKING:
    import httpx

_SECRET_HEADERS = ("authorization", "x-mcd-id", "x-mcd-token", "x-api-key", "cookie")
_OF_THE_WIRE = ("host", "accept", "accept-encoding", "connection", "user-agent", "content-length")

Answer = Callable[["httpx.Request"], tuple[int, Mapping[str, Any]]]
"""What a system would answer: status and body."""


def dry_run(folder: Path | None, publisher: str, answer: Answer) -> "httpx.BaseTransport | None":
    """A transport for `Client` that writes each request as a file and answers by itself; None without a folder.

    A file has the method, the URL, the headers with every secret masked, and the body as JSON; files sort by time.
    Each publisher has a folder of its own in `folder`.
    """
    if folder is None:
        return None
    import httpx

    own = folder / publisher

    def write(request: httpx.Request) -> httpx.Response:
        own.mkdir(parents=True, exist_ok=True)
        at = datetime.now(UTC)
        name = f"{at:%Y%m%dT%H%M%S.%f}-{request.url.path.strip('/').replace('/', '_')}-{uuid.uuid4().hex[:6]}.json"
        text = json.dumps(_document(request), indent=2, ensure_ascii=False)
        (own / name).write_text(text + "\n", encoding="utf-8")
        status, body = answer(request)
        return httpx.Response(status, json=body)

    return httpx.MockTransport(write)


def _document(request: "httpx.Request") -> dict[str, Any]:
    headers = {
        name: MASK if name in _SECRET_HEADERS else value
        for name, value in request.headers.items()
        if name not in _OF_THE_WIRE
    }
    body = json.loads(request.content) if request.content else None
    return {"method": request.method, "url": str(request.url), "headers": headers, "body": body}
