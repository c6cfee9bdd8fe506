"""Datafold's part of the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from observe_dagster.integrations.http import web_address

DEFAULT_HOST = "https://app.datafold.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatafoldSettings:
    """Where Datafold is, and the API key."""

    api_key: str = field(repr=False)
    host: str = DEFAULT_HOST

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "DatafoldSettings | None":
        """Read DATAFOLD_API_KEY and DATAFOLD_HOST; None when there is no key. Raises SettingsError."""
        env = os.environ if environment is None else environment
        key = env.get("DATAFOLD_API_KEY")
        if not key:
            return None
        host = env.get("DATAFOLD_HOST") or DEFAULT_HOST
        return cls(api_key=key, host=web_address("DATAFOLD_HOST", host, example=DEFAULT_HOST))
