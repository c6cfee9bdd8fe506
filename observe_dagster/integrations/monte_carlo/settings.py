"""Monte Carlo's part of the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from observe_dagster.errors import SettingsError
from observe_dagster.integrations.http import web_address

DEFAULT_URL = "https://integrations.getmontecarlo.com"
WireFormat = Literal["sdk", "http_doc"]
"""The two ways in which Monte Carlo documents its payloads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonteCarloSettings:
    """An integration key of scope Ingestion, and the resource of tables that belong to no declared connection."""

    key_id: str = field(repr=False)
    token: str = field(repr=False)
    url: str = DEFAULT_URL
    wire_format: WireFormat = "sdk"
    resource_uuid: str | None = None
    resource_type: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "MonteCarloSettings | None":
        """Read the variables MCD_…; None when there is no key. Raises SettingsError."""
        key_id, token = environment.get("MCD_INGEST_ID"), environment.get("MCD_INGEST_TOKEN")
        if not key_id and not token:
            return None
        if not key_id or not token:
            raise SettingsError("MCD_INGEST_ID and MCD_INGEST_TOKEN belong together: set both, or neither.")
        wire_format = environment.get("MCD_WIRE_FORMAT") or "sdk"
        if wire_format not in ("sdk", "http_doc"):
            raise SettingsError(f"MCD_WIRE_FORMAT must be sdk or http_doc, not {wire_format!r}.")
        uuid, kind = environment.get("MCD_RESOURCE_UUID") or None, environment.get("MCD_RESOURCE_TYPE") or None
        if uuid and not kind:
            raise SettingsError("MCD_RESOURCE_UUID needs MCD_RESOURCE_TYPE, such as snowflake or databricks.")
        url = environment.get("MCD_INGEST_URL") or DEFAULT_URL
        return cls(
            key_id=key_id,
            token=token,
            url=web_address("MCD_INGEST_URL", url, example=DEFAULT_URL, login=False),
            wire_format=wire_format,
            resource_uuid=uuid,
            resource_type=kind,
        )
