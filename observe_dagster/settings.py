"""The environment, read once: where state lives, which database, which declared files."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from observe_dagster.errors import SettingsError

PACKAGE_DEFS = Path(__file__).parent / "defs"


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
