"""Sends one message to one channel through Apprise, and finds out why one did not arrive.

Apprise answers only whether a message arrived; what went wrong it writes to its log, of which the last warning is
taken as the reason. Everything that it or the HTTP client below would log meanwhile is kept from other handlers, for
it may hold the channel's URL.
"""

import logging
import re
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from observe_dagster.config.models.alerts import Channel, secrets_of_channel
from observe_dagster.errors import DeliveryError
from observe_dagster.redaction import redact

_LOGGERS = ("apprise", "urllib3.connectionpool", "urllib3.util.retry", "requests", "smtplib")
_HTTP_ERROR = re.compile(r"error=(\d{3})\b")
_TRY_AGAIN = (408, 425, 429)
_one_at_a_time = threading.Lock()


class Notifier(Protocol):
    """Sends messages."""

    def send(self, channel: Channel, message: Mapping[str, Any]) -> None:
        """Send a message's record to a channel; raises DeliveryError."""
        ...


class AppriseNotifier:
    """Sends through any of Apprise's services."""

    def send(self, channel: Channel, message: Mapping[str, Any]) -> None:
        """Send once, without retrying; raises DeliveryError, permanent where the service refuses the message."""
        import apprise

        with _captured_logs() as heard:
            try:
                arrived = _notify(apprise, channel, message)
            except DeliveryError:
                raise
            except Exception as error:  # noqa: BLE001 (a service's plugin may raise anything, with its URL in it)
                heard.append(f"Apprise raised {type(error).__name__}.")
                arrived = False
        if not arrived:
            said = heard[-1] if heard else "The service could not be reached or refused the message."
            reason = redact(said, secrets_of_channel(channel))
            raise DeliveryError(channel.id, reason, permanent=_is_permanent(said))


def _notify(apprise: Any, channel: Channel, message: Mapping[str, Any]) -> bool:
    asset = apprise.AppriseAsset(app_id="observe", app_desc="observe_dagster", app_url="")
    service = apprise.Apprise.instantiate(channel.url.get_secret_value(), asset=asset, suppress_exceptions=True)
    if service is None:
        reason = "Its url is not one that Apprise can use; see https://appriseit.com/services/."
        raise DeliveryError(channel.id, reason, permanent=True)
    types = {"ok": apprise.NotifyType.SUCCESS, "warn": apprise.NotifyType.WARNING, "error": apprise.NotifyType.FAILURE}
    formats = service.notify_format
    shown = formats[0] if isinstance(formats, list | tuple) else formats
    plain = shown == apprise.NotifyFormat.TEXT
    body_format = apprise.NotifyFormat.TEXT if plain else apprise.NotifyFormat.MARKDOWN
    sender = apprise.Apprise(asset=asset)
    sender.add(service)
    return bool(
        sender.notify(
            title=message["title"],
            body=message["text"] if plain else message["markdown"],
            notify_type=types[message["level"]],
            body_format=body_format,
        )
    )


def _is_permanent(reason: str) -> bool:
    found = _HTTP_ERROR.search(reason)
    return found is not None and 400 <= int(found[1]) < 500 and int(found[1]) not in _TRY_AGAIN


class _LogCapture(logging.Filter):
    """Keeps what is logged to itself, whatever thread logs it, for Apprise sends from threads of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        """Remember a warning of Apprise; let nothing pass."""
        if record.name == "apprise" and record.levelno >= logging.WARNING:
            self.heard.append(record.getMessage())
        return False


@contextmanager
def _captured_logs() -> Generator[list[str]]:
    ear, loggers = _LogCapture(), [logging.getLogger(name) for name in _LOGGERS]
    with _one_at_a_time:
        for logger in loggers:
            logger.addFilter(ear)
        try:
            yield ear.heard
        finally:
            for logger in loggers:
                logger.removeFilter(ear)
