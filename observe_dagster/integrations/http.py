"""One small HTTP client for all vendors: JSON out, JSON in, and errors that say what to do and hold no secret."""

import json as json_text
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from observe_dagster.errors import (
    PublishError,
    RateLimitedError,
    RefusedCredentialsError,
    SettingsError,
    TooLargeError,
    UnreachableError,
)
from observe_dagster.redaction import redact

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 10.0
LARGEST_ANSWER = 20_000_000
_MOST_SHOWN = 500
_TRY_AGAIN = (408, 425, 429)
_LONGEST_WAIT = timedelta(seconds=30)
_COMMA_TOO_MANY = re.compile(r",\s*([}\]])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A 2xx answer; `bytes_sent` and `seconds` are of the attempt that was answered."""

    status: int
    headers: Mapping[str, str] = field(hash=False)
    text: str
    bytes_sent: int
    seconds: float

    def json(self) -> Any:
        """The body as JSON; None when it is not JSON."""
        return parsed(self.text)


class Client:
    """Sends requests to one system; keeps its connections open until it is closed.

    `system` names it in errors. `headers` go with every request; their values, and `secrets`, are masked in errors.
    `transport` is httpx's, for tests. What can be tried again is, up to `attempts` times in all: by default once,
    for what comes from the outbox is retried by the outbox.

    Example:
        >>> with Client("https://app.datafold.com", {"Authorization": f"Key {key}"}, system="Datafold") as client:
        ...     client.request("GET", "/api/v1/data_sources").json()
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str] | None = None,
        *,
        system: str,
        secrets: tuple[str, ...] = (),
        timeout: float = TIMEOUT_SECONDS,
        attempts: int = 1,
        first_wait: float = 0.5,
        transport: "httpx.BaseTransport | None" = None,
    ) -> None:
        self.base_url, self.system = base_url.rstrip("/"), system
        self._headers = dict(headers or {})
        self._secrets = (*secrets, *_secrets_in(self._headers))
        self.timeout, self._attempts, self._first_wait = timeout, attempts, first_wait
        self._transport = transport
        self._client: httpx.Client | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.base_url!r}, system={self.system!r})"

    def close(self) -> None:
        """Close the connections; they open again when used."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: bytes | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        attempts: int | None = None,
    ) -> Response:
        """Send one request and return its 2xx answer; raises PublishError.

        `path` follows the base URL as it is: quote what goes into it. `content` is JSON that is encoded already, `json`
        a body to encode. None in `params` is left out. `timeout` bounds each attempt, in seconds; `attempts` is by
        default the client's.
        """
        import stamina

        body = content if json is None else encoded(json)
        most, first_wait = attempts or self._attempts, self._first_wait
        for attempt in stamina.retry_context(
            on=_wait_before_next, attempts=most, wait_initial=first_wait, timeout=None
        ):
            with attempt:
                return self._send(method, path, body, params=params, headers=headers, timeout=timeout or self.timeout)
        raise AssertionError("unreachable")

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        *,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        timeout: float,
    ) -> Response:
        import httpx

        own = {**({} if body is None else {"Content-Type": "application/json"}), **(headers or {})}
        started = monotonic()
        try:
            with self._open().stream(
                method,
                self.base_url + path,
                content=body,
                params=without_none(params or {}) or None,
                headers=own,
                timeout=timeout,
            ) as answer:
                text = self._read(answer, until=started + timeout)
        except httpx.TimeoutException:
            raise UnreachableError(self.system, f"gave no answer within {timeout:g} s.") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # httpx's own text may hold the URL, and with it a token.
            raise UnreachableError(self.system, f"could not be reached: {redact(str(error), self._secrets)}") from None
        if not answer.is_success:
            raise self._refused(answer.status_code, dict(answer.headers), text)
        return Response(
            status=answer.status_code,
            headers=dict(answer.headers),
            text=text,
            bytes_sent=len(body or b""),
            seconds=monotonic() - started,
        )

    def _open(self) -> "httpx.Client":
        import httpx

        if self._client is None:
            self._client = httpx.Client(headers=self._headers, transport=self._transport, follow_redirects=False)
        return self._client

    def _read(self, answer: "httpx.Response", *, until: float) -> str:
        """Read the body, but not for ever: a timeout of httpx only bounds the wait for the next piece."""
        received = bytearray()
        for piece in answer.iter_bytes():
            received += piece
            if len(received) > LARGEST_ANSWER:
                raise PublishError(self.system, f"answered with more than {LARGEST_ANSWER} bytes.", permanent=True)
            if monotonic() > until:
                raise UnreachableError(self.system, "took too long to answer.")
        return received.decode(answer.encoding or "utf-8", errors="replace")

    def _refused(self, status: int, headers: Mapping[str, str], text: str) -> PublishError:
        body, shown = parsed(text), redact(" ".join(text.split())[:_MOST_SHOWN], self._secrets)
        reason = f"answered {status}" + (f": {shown}" if shown else ".")
        retry_after = retry_after_of(headers.get("retry-after"), now=datetime.now(UTC))
        permanent = 300 <= status < 500 and status not in _TRY_AGAIN
        kind = _KINDS.get(status, PublishError)
        return kind(self.system, reason, status=status, permanent=permanent, retry_after=retry_after, body=body)


_KINDS: Mapping[int, type[PublishError]] = {
    401: RefusedCredentialsError,
    403: RefusedCredentialsError,
    413: TooLargeError,
    429: RateLimitedError,
}


def encoded(document: Any) -> bytes:
    """A document as the bytes of compact JSON."""
    return json_text.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def without_none(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document without the fields that are None."""
    return {name: value for name, value in document.items() if value is not None}


def web_address(name: str, url: str, *, example: str, login: bool = True) -> str:
    """A variable's address without a slash at its end; raises SettingsError. Without `login` it may hold none."""
    if not url.startswith(("http://", "https://")) or (not login and "@" in url):
        more = "" if login else ", without a password in it"
        raise SettingsError(f"{name} must be an address such as {example}{more}.")
    return url.rstrip("/")


def parsed(text: str) -> Any:
    """A text as JSON, None when it is not; a comma too many before a closing bracket is forgiven."""
    for form in (text, _COMMA_TOO_MANY.sub(r"\1", text)):
        try:
            return json_text.loads(form)
        except ValueError:
            continue
    return None


def retry_after_of(value: str | None, *, now: datetime) -> timedelta | None:
    """The wait that a Retry-After header asks for, given as seconds or as a date; None when it asks for none."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    return None if math.isnan(seconds) else timedelta(seconds=min(max(seconds, 0.0), 86_400.0))


def _wait_before_next(error: Exception) -> bool | timedelta:
    """Whether to try again, and after how long when the system asked for a wait."""
    if not isinstance(error, PublishError) or error.permanent:
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= _LONGEST_WAIT else False


def _secrets_in(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The secrets in headers: each value, and what follows a scheme such as `Bearer`."""
    values = [value for name, value in headers.items() if name.lower() not in _PLAIN_HEADERS]
    return tuple(form for value in values for form in (value, value.rpartition(" ")[2]) if form)


_PLAIN_HEADERS = {"content-type", "accept", "user-agent"}
