"""Sends one message to one channel through Apprise, with the reason when it does not arrive.

Apprise returns only whether a message arrived and logs what went wrong: the last warning is the reason. Whatever it or
the HTTP client below logs meanwhile is kept from other handlers, for it may hold the channel's URL.
"""

import logging
import re
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from observe_dagster.config.models.alerts import Channel, secrets_of_channel
from observe_dagster.errors import DeliveryError
from observe_dagster.redaction import redact

_LOGGERS = ("apprise", "urllib3.connectionpool", "urllib3.util.retry", "requests", "smtplib")
_HTTP_ERROR = re.compile(r"error=(\d{3})\b")
_TRY_AGAIN = (408, 425, 429)
_one_at_a_time = threading.Lock()


def send_message(channel: Channel, message: Mapping[str, Any]) -> None:
    """Send a message's record once, without retrying; raises DeliveryError, permanent where the service refuses it."""
    import apprise

    with _captured_warnings() as warnings:
        try:
            arrived = _notify(apprise, channel, message)
        except DeliveryError:
            raise
        except Exception as error:  # noqa: BLE001 (a service's plugin may raise anything, with its URL in it)
            warnings.append(f"Apprise raised {type(error).__name__}.")
            arrived = False
    if not arrived:
        warning = warnings[-1] if warnings else "The service could not be reached or refused the message."
        status = _HTTP_ERROR.search(warning)
        permanent = status is not None and 400 <= int(status[1]) < 500 and int(status[1]) not in _TRY_AGAIN
        raise DeliveryError(channel.id, redact(warning, secrets_of_channel(channel)), permanent=permanent)


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


class _LogCapture(logging.Filter):
    """Keeps what is logged to itself, whatever thread logs it, for Apprise sends from threads of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.warnings: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep a warning of Apprise; let nothing pass."""
        if record.name == "apprise" and record.levelno >= logging.WARNING:
            self.warnings.append(record.getMessage())
        return False


@contextmanager
def _captured_warnings() -> Generator[list[str]]:
    capture, loggers = _LogCapture(), [logging.getLogger(name) for name in _LOGGERS]
    with _one_at_a_time:
        for logger in loggers:
            logger.addFilter(capture)
        try:
            yield capture.warnings
        finally:
            for logger in loggers:
                logger.removeFilter(capture)
