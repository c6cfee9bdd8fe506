"""Watcher's part of the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from observe_dagster.integrations.http import web_address


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherSettings:
    """Where the server is; it has no login of its own, so `authorization` is for a proxy in front of it."""

    url: str
    authorization: str | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "WatcherSettings | None":
        """Read WATCHER_URL and WATCHER_AUTHORIZATION; None when there is no server. Raises SettingsError."""
        url = environment.get("WATCHER_URL")
        if not url:
            return None
        url = web_address("WATCHER_URL", url, example="http://watcher.example:8000")
        return cls(url=url, authorization=environment.get("WATCHER_AUTHORIZATION") or None)
