"""What a command works with, each opened once and on first use: settings, the declared project, the ledger."""

import os
from datetime import UTC, datetime
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote, urlsplit

from observe_dagster.integrations.registry import secrets
from observe_dagster.service.example import demo_databases_exist, set_demo_environment
from observe_dagster.settings import Settings

if TYPE_CHECKING:
    from observe_dagster.config import Project
    from observe_dagster.ledger import Ledger


class Context:
    """One run of the command line. Closes what it opened."""

    def __init__(self, *, as_json: bool = False, debug: bool = False) -> None:
        self.as_json, self.debug = as_json, debug

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if "ledger" in self.__dict__:
            self.ledger.close()

    @cached_property
    def settings(self) -> Settings:
        """The environment; raises SettingsError."""
        return Settings.from_environment()

    @cached_property
    def project(self) -> "Project":
        """Everything declared under OBSERVE_DEFS; raises SpecError."""
        from observe_dagster.config import load_project

        if demo_databases_exist(self.settings):
            set_demo_environment(self.settings, self.database_url)
        return load_project(self.settings.defs, environment=os.environ)

    @cached_property
    def database_url(self) -> str:
        """The database of the ledger and of Dagster: the one in the environment, or the embedded server, started."""
        if self.settings.database_url is not None:
            return self.settings.database_url
        from observe_dagster.embedded import start_embedded

        return start_embedded(self.settings.home)

    @cached_property
    def ledger(self) -> "Ledger":
        """The ledger, in step with what is declared. The embedded one is brought to this version's schema itself."""
        from observe_dagster.ledger import Ledger, migrate

        project = self.project
        if self.settings.database_url is None:
            migrate(self.database_url)
        ledger = Ledger.open(self.database_url)
        try:
            ledger.require_current()
            ledger.declared.synchronise(project, now=datetime.now(UTC))
        except BaseException:
            ledger.close()
            raise
        return ledger

    def secrets(self) -> tuple[str, ...]:
        """Every secret that has been read so far, to be masked in error messages."""
        found = list(secrets(os.environ))
        settings: Settings | None = self.__dict__.get("settings")
        if settings is not None and settings.database_url is not None:
            found.extend(_passwords(settings.database_url))
        project: Project | None = self.__dict__.get("project")
        if project is not None:
            from observe_dagster.config import secrets_of
            from observe_dagster.config.models.alerts import secrets_of_channel

            found.extend(secret for connection in project.connections for secret in secrets_of(connection))
            found.extend(secret for channel in project.alerting.channels for secret in secrets_of_channel(channel))
        return tuple(found)


def child_environment(settings: Settings, database_url: str, dagster_home: os.PathLike[str]) -> dict[str, str]:
    """The environment in which a Dagster process sees the same state as this one."""
    return {
        **os.environ,
        "OBSERVE_HOME": str(settings.home),
        "OBSERVE_DEFS": str(settings.defs),
        "OBSERVE_DATABASE_URL": database_url,
        "DAGSTER_HOME": str(dagster_home),
    }


def _passwords(url: str) -> list[str]:
    try:
        password = urlsplit(url).password
    except ValueError:
        return []
    return [password, unquote(password)] if password else []


Document = dict[str, Any]
"""An answer in the field names of the API document, ready for JSON."""
