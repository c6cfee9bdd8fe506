"""Sends scripts to Datascale: several of one platform in one request, never more requests than it admits."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from observe_dagster.errors import PublishError, RateLimitedError, RefusedCredentialsError
from observe_dagster.integrations.facts import SQL_CONTENT, SqlContent, from_record
from observe_dagster.integrations.http import Client, Response
from observe_dagster.ledger import Dispatcher, LedgerRateLimiter, Publication, batches

PUBLISHER = "datascale"
SYSTEM = "Datascale"
LIMIT = 100
WINDOW = timedelta(seconds=300)
MOST_BYTES = 200_000
MOST_SCRIPTS = 50
_BETWEEN = ";\n\n"
_COUNTS = re.compile(r"ingested (\d+) assets? \[(\d+) added, (\d+) modified\]")
_REFUSED = ("PARSER_ERROR", "INVALID_INPUT")


class Datascale:
    """Sends scripts. `most_scripts` 1 sends each on its own."""

    publisher = PUBLISHER
    kinds = (SQL_CONTENT,)

    def __init__(
        self,
        client: Client,
        rate_limit: LedgerRateLimiter,
        *,
        clock: Callable[[], datetime],
        most_scripts: int = MOST_SCRIPTS,
    ) -> None:
        self._client, self._rate_limit, self._clock, self._most_scripts = client, rate_limit, clock, most_scripts

    def batch_size(self, kind: str) -> int:
        """As many as can go into a few requests."""
        del kind
        return 4 * self._most_scripts

    def deliver(self, kind: str, items: Sequence[Publication], dispatcher: Dispatcher) -> None:
        """Send scripts, those of each platform and configuration together."""
        del kind
        scripts: dict[int, SqlContent] = {}
        together: dict[str, list[Publication]] = {}
        for item in items:
            fact = from_record(item.kind, item.record)
            assert isinstance(fact, SqlContent)
            scripts[item.id] = fact
            alike = json.dumps([fact.platform, fact.extra_config], sort_keys=True)
            together.setdefault(alike, []).append(item)

        def size(item: Publication) -> int:
            return len(scripts[item.id].content.encode()) + len(_BETWEEN)

        def post(batch: Sequence[Publication], seconds: float) -> Mapping[str, Any]:
            return self._put([scripts[item.id] for item in batch], seconds)

        divided: list[list[Publication]] = []
        for own in together.values():
            divided += batches(own, size, most_bytes=MOST_BYTES, most=self._most_scripts)
        dispatcher.send(divided, post)

    def _put(self, scripts: Sequence[SqlContent], seconds: float) -> Mapping[str, Any]:
        first = scripts[0]
        content = first.content if len(scripts) == 1 else _BETWEEN.join(each.content for each in scripts)
        body = {"content": content, "platform": first.platform, "extra_config": dict(first.extra_config)}
        slot = self._rate_limit.take(now=self._clock())
        if isinstance(slot, timedelta):
            reason = f"takes {LIMIT} requests in {WINDOW.total_seconds():g} s, and so many were made."
            raise RateLimitedError(SYSTEM, reason, retry_after=slot)
        try:
            answer = self._client.request("PUT", "/v1/ingest", json=body, timeout=min(self._client.timeout, seconds))
        except PublishError as error:
            raise _by_code(error) from None
        finally:
            self._rate_limit.answered(slot, now=self._clock())
        return _receipt(answer)


def _receipt(answer: Response) -> dict[str, Any]:
    """The receipt in an answer; raises PublishError when it is no success after all."""
    body = answer.json()
    if not isinstance(body, dict) or body.get("success") is not True:
        reason = f"answered {answer.status} without success."
        raise _by_code(PublishError(SYSTEM, reason, status=answer.status, body=body))
    receipt = {
        "status": answer.status,
        "bytes": answer.bytes_sent,
        "duration_seconds": round(answer.seconds, 3),
        "message": body.get("message"),
    }
    counts = _COUNTS.search(str(body.get("message")))
    if counts is not None:
        receipt |= {
            name: int(text) for name, text in zip(("assets", "added", "modified"), counts.groups(), strict=True)
        }
    return receipt


def _by_code(error: PublishError) -> PublishError:
    """The error that the code in the body stands for, whatever the status; without a code, the one of the status."""
    body = error.body if isinstance(error.body, dict) else {}
    code = body.get("code")
    reason = error.reason
    if isinstance(code, str):
        parts = [code, *(str(body[name])[:500] for name in ("error", "details") if body.get(name))]
        reason = f"answered {error.status}: {': '.join(parts)}"
    if error.status == 429:
        return RateLimitedError(SYSTEM, reason, status=429, retry_after=error.retry_after or WINDOW, body=body)
    if code == "AUTHENTICATION_ERROR":
        return RefusedCredentialsError(SYSTEM, reason, permanent=True, status=401, body=body)
    if code in _REFUSED:
        return PublishError(SYSTEM, reason, permanent=True, status=400, body=body)
    if code == "SERVER_ERROR":
        return PublishError(SYSTEM, reason, status=500, retry_after=error.retry_after, body=body)
    return error
