"""Datascale's part of the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from observe_dagster.integrations.http import web_address

DEFAULT_URL = "https://api.getdatascale.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatascaleSettings:
    """An API token."""

    token: str = field(repr=False)
    url: str = DEFAULT_URL

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "DatascaleSettings | None":
        """Read DATASCALE_TOKEN and DATASCALE_URL; None when there is no token. Raises SettingsError."""
        token = environment.get("DATASCALE_TOKEN")
        if not token:
            return None
        url = environment.get("DATASCALE_URL") or DEFAULT_URL
        return cls(token=token, url=web_address("DATASCALE_URL", url, example=DEFAULT_URL, login=False))
