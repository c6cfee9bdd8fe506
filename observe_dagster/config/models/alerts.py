"""Alert channels, the routes to them, how often reminders are sent, and the text of messages."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from string import Template
from typing import Annotated, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from observe_dagster.config.models.base import Declared, Duration, Name, Slug
from observe_dagster.config.models.check_kinds import CHECK_KINDS
from observe_dagster.config.yaml.nodes import Path
from observe_dagster.config.yaml.suggest import did_you_mean
from observe_dagster.config.yaml.templates import literal_part

TITLE_FIELDS = frozenset({"summary", "opened", "repeated", "resolved"})
"""The placeholders of a message's title."""

ALERT_FIELDS = frozenset(
    {
        "headline",
        "event",
        "severity",
        "status",
        "subject",
        "asset",
        "check",
        "kind",
        "pipeline",
        "reason",
        "value",
        "expected",
        "bounds",
        "owners",
        "group",
        "since",
        "facts",
        "links",
        "run_url",
        "check_url",
    }
)
"""The placeholders of one alert in a message."""

_HINT = 'a channel\'s URL is a secret: all of it must come from the environment; write "{{ env.NAME }}"'
_HOST = re.compile(r"(localhost|[a-z0-9-]+(\.[a-z0-9-]+)+)(:\d+)?")
_HOLDS_NO_SECRET = re.compile(r"syslog://[a-z0-9]+")
_YES = ("yes", "true", "1", "on")
_SHORTEST_WORD = 12
_SHORTEST_PASSWORD = 3


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]
"""One text or a list of them."""

SEVERITIES = ("warn", "error")
KINDS = (*CHECK_KINDS, "check", "run", "fault", "automation")
"""A check's kind; `check` is one that this package did not make, the last three are not checks at all."""


def _renamed(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """The kinds by their names of today."""
    return tuple("automation" if kind == "tick" else kind for kind in kinds)


def _each_of(known: tuple[str, ...]) -> AfterValidator:
    def check(texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            if text not in known:
                raise ValueError(f"{text!r} is not allowed{did_you_mean(text, known)}; use one of {', '.join(known)}")
        return texts

    return AfterValidator(check)


class Channel(Declared):
    """Where messages go: `url` is an Apprise URL such as `slack://…`, which as a whole comes from the environment."""

    id: Slug
    name: Name | None = None
    url: SecretStr

    @model_validator(mode="after")
    def _is_a_url(self) -> "Channel":
        scheme, separator, rest = self.url.get_secret_value().partition("://")
        if not (scheme and separator and rest):
            raise ValueError("url must be an Apprise URL such as slack://…, mailto://… or json://…")
        parameters = parse_qsl(rest.partition("?")[2], keep_blank_values=True)
        if any(name.lower() == "verify" and value.lower() not in _YES for name, value in parameters):
            raise ValueError(
                "url says verify=no: certificates are always verified; name those of an authority of your own in "
                "the environment variable REQUESTS_CA_BUNDLE"
            )
        return self


class Route(Declared):
    """Sends to `channels` what meets every condition that is given; a list meets one when any of its texts does."""

    channels: Annotated[tuple[Slug, ...], BeforeValidator(_as_tuple)]
    owner: Texts = ()
    tags: dict[str, str] = Field(default_factory=dict)
    group: Texts = ()
    severity: Annotated[Texts, _each_of(SEVERITIES)] = ()
    kind: Annotated[Texts, AfterValidator(_renamed), _each_of(KINDS)] = ()
    asset: Texts = ()


def _placeholders(known: frozenset[str]) -> AfterValidator:
    def check(text: str) -> str:
        template = Template(text)
        if not template.is_valid():
            raise ValueError("has a $ without a name after it; write $$ for a dollar sign")
        for name in template.get_identifiers():
            if name not in known:
                raise ValueError(f"${name} is not known{did_you_mean(name, known)}; known: {', '.join(sorted(known))}")
        return text

    return AfterValidator(check)


class MessageTemplate(Declared):
    """The text of a message: its title, and the lines of each alert. A line without any content is left out."""

    title: Annotated[str, _placeholders(TITLE_FIELDS)] = "$summary"
    alert: Annotated[str, _placeholders(ALERT_FIELDS)] = "$headline\n$reason\n$facts\n$links"


def _base_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("must be the address of the Dagster UI, such as https://dagster.example")
    return url.rstrip("/")


class Alerting(Declared):
    """The key `alerts`: the first route that matches an alert decides; without one it goes to `default`.

    `default` left out means every channel. `base_url` left out means OBSERVE_UI_URL.
    """

    channels: tuple[Channel, ...] = ()
    routes: tuple[Route, ...] = ()
    default: Annotated[tuple[Slug, ...] | None, BeforeValidator(_as_tuple)] = None
    repeat_every: Duration = timedelta(days=1)
    base_url: Annotated[str, AfterValidator(_base_url)] | None = None
    template: MessageTemplate = Field(default_factory=MessageTemplate)

    @model_validator(mode="after")
    def _channels_exist(self) -> "Alerting":
        known = [channel.id for channel in self.channels]
        if repeated := next((name for name in known if known.count(name) > 1), None):
            raise ValueError(f"two channels have the id {repeated!r}")
        for name in (*(name for route in self.routes for name in route.channels), *(self.default or ())):
            if name not in known:
                listed = f"; declared: {', '.join(known)}" if known else "; none is declared"
                raise ValueError(f"there is no channel {name!r}{did_you_mean(name, known) or listed}")
        if self.repeat_every < timedelta(minutes=1):
            raise ValueError("repeat_every must be at least 1m")
        return self

    def channel(self, channel_id: str) -> Channel | None:
        """The channel of that id, None where it is not declared."""
        return next((channel for channel in self.channels if channel.id == channel_id), None)


def literal_urls(alerts: Any) -> Iterator[tuple[Path, str]]:
    """Find channel URLs that are written out in a file: a path below `alerts` and a message for each.

    This machine's own log, such as `syslog://local0`, may be written out.
    """
    channels = _value(alerts, "channels")
    for index, channel in enumerate(channels if isinstance(channels, list | tuple) else ()):
        url = _value(channel, "url")
        literal = literal_part(url) if isinstance(url, str) else ""
        if literal and not _HOLDS_NO_SECRET.fullmatch(literal):
            yield ("channels", index, "url"), _HINT


def _value(mapping: Any, name: str) -> Any:
    return mapping.get(name) if isinstance(mapping, Mapping) else None


def secrets_of_channel(channel: Channel) -> tuple[str, ...]:
    """Every text of a channel's URL that may be a secret, the longest first.

    Services put tokens in any part of it, also where a host would be; what is too short for one is left out.
    """
    url = channel.url.get_secret_value()
    try:
        parts = urlsplit(url)
        user_info, _, host = parts.netloc.rpartition("@")
        user, _, password = user_info.partition(":")
        words = [user, parts.query, parts.path.strip("/"), *parts.path.split("/")]
        if not _HOST.fullmatch(host):
            words.append(host)
        words.extend(value for _, value in parse_qsl(parts.query))
    except ValueError:
        password, words = "", []
    texts = {url, *_forms(password, _SHORTEST_PASSWORD)}
    for word in words:
        texts.update(_forms(word, _SHORTEST_WORD))
    return tuple(sorted(texts, key=lambda text: (-len(text), text)))


def _forms(text: str, shortest: int) -> Iterator[str]:
    if len(text) >= shortest:
        yield from (text, unquote(text))
