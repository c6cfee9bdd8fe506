"""The environment, read once: where state lives, which database, which declared files."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from observe_dagster.errors import SettingsError

PACKAGE_DEFS = Path(__file__).parent / "defs"


MONTE_CARLO_URL = "https://integrations.getmontecarlo.com"
DATASCALE_URL = "https://api.getdatascale.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class MonteCarloSettings:
    """An integration key of scope Ingestion, and the resource of tables that belong to no declared connection."""

    key_id: str = field(repr=False)
    token: str = field(repr=False)
    url: str = MONTE_CARLO_URL
    wire_format: Literal["sdk", "http_doc"] = "sdk"
    resource_uuid: str | None = None
    resource_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatascaleSettings:
    """An API token."""

    token: str = field(repr=False)
    url: str = DATASCALE_URL


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The values of the environment. `database_url` None means the embedded server under `home`.

    `database_url` is kept out of the repr, for it may hold a password.
    """

    home: Path
    defs: Path
    database_url: str | None = field(default=None, repr=False)
    sync_attempts: int = 3
    retry_wait_seconds: float = 2.0
    lock_wait_seconds: float = 300.0
    batch_rows: int = 65_536
    ui_url: str | None = None
    retention_days: int = 365
    monte_carlo: MonteCarloSettings | None = None
    datascale: DatascaleSettings | None = None
    publish_dry_run: Path | None = None
    publish_assets: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read OBSERVE_HOME, OBSERVE_DEFS, OBSERVE_DATABASE_URL and the tuning variables; raises SettingsError."""
        env = os.environ if environment is None else environment
        return cls(
            home=Path(env.get("OBSERVE_HOME") or ".observe").expanduser().absolute(),
            defs=Path(env.get("OBSERVE_DEFS") or PACKAGE_DEFS).expanduser().absolute(),
            database_url=_database_url(env.get("OBSERVE_DATABASE_URL")),
            sync_attempts=_integer(env, "OBSERVE_SYNC_ATTEMPTS", 3, least=1),
            retry_wait_seconds=_number(env, "OBSERVE_RETRY_WAIT_SECONDS", 2.0),
            lock_wait_seconds=_number(env, "OBSERVE_LOCK_WAIT_SECONDS", 300.0),
            batch_rows=_integer(env, "OBSERVE_BATCH_ROWS", 65_536, least=1),
            ui_url=_ui_url(env.get("OBSERVE_UI_URL")),
            retention_days=_integer(env, "OBSERVE_RETENTION_DAYS", 365, least=90),
            monte_carlo=_monte_carlo(env),
            datascale=_datascale(env),
            publish_dry_run=_folder(env.get("OBSERVE_PUBLISH_DRY_RUN")),
            publish_assets=env.get("OBSERVE_PUBLISH_ASSETS") or None,
        )


def _database_url(url: str | None) -> str | None:
    if not url:
        return None
    scheme = url.split("://", 1)[0]
    if scheme.split("+", 1)[0] not in ("postgresql", "postgres") or "://" not in url:
        raise SettingsError(
            "OBSERVE_DATABASE_URL must be a PostgreSQL URL such as postgresql://user@host:5432/observe."
        )
    return "postgresql://" + url.split("://", 1)[1]


def _ui_url(url: str | None) -> str | None:
    if not url:
        return None
    if not url.startswith(("http://", "https://")):
        raise SettingsError("OBSERVE_UI_URL must be the address of the Dagster UI, such as https://dagster.example.")
    return url.rstrip("/")


def _monte_carlo(env: Mapping[str, str]) -> MonteCarloSettings | None:
    key_id, token = env.get("MCD_INGEST_ID"), env.get("MCD_INGEST_TOKEN")
    if not key_id and not token:
        return None
    if not key_id or not token:
        raise SettingsError("MCD_INGEST_ID and MCD_INGEST_TOKEN belong together: set both, or neither.")
    wire_format = env.get("MCD_WIRE_FORMAT") or "sdk"
    if wire_format not in ("sdk", "http_doc"):
        raise SettingsError(f"MCD_WIRE_FORMAT must be sdk or http_doc, not {wire_format!r}.")
    uuid, kind = env.get("MCD_RESOURCE_UUID") or None, env.get("MCD_RESOURCE_TYPE") or None
    if uuid and not kind:
        raise SettingsError("MCD_RESOURCE_UUID needs MCD_RESOURCE_TYPE, such as snowflake or databricks.")
    url = _web_address(env, "MCD_INGEST_URL", MONTE_CARLO_URL)
    return MonteCarloSettings(
        key_id=key_id, token=token, url=url, wire_format=wire_format, resource_uuid=uuid, resource_type=kind
    )


def _datascale(env: Mapping[str, str]) -> DatascaleSettings | None:
    token = env.get("DATASCALE_TOKEN")
    return DatascaleSettings(token=token, url=_web_address(env, "DATASCALE_URL", DATASCALE_URL)) if token else None


def _web_address(env: Mapping[str, str], name: str, default: str) -> str:
    url = env.get(name) or default
    if not url.startswith(("http://", "https://")) or "@" in url:
        raise SettingsError(f"{name} must be an address such as {default}, without a password in it.")
    return url.rstrip("/")


def _folder(path: str | None) -> Path | None:
    return Path(path).expanduser().absolute() if path else None


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise SettingsError(f"{name} must be a number of at least 0, not {text!r}.")
    return value


def _integer(env: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    value = _number(env, name, default)
    if value < least or value != int(value):
        raise SettingsError(f"{name} must be a whole number of at least {least}, not {env.get(name)!r}.")
    return int(value)
