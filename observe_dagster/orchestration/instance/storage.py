"""Dagster's own storage in the PostgreSQL database of OBSERVE_DATABASE_URL; `dagster.yaml` names this class."""

import os
from collections.abc import Mapping
from typing import Any

from dagster import Field

from observe_dagster.errors import SettingsError
from observe_dagster.orchestration.instance.dagster_private import (
    ConfigurableClass,
    ConfigurableClassData,
    DagsterStorage,
)
from observe_dagster.settings import Settings


class PostgresFromEnvironment(DagsterStorage, ConfigurableClass):
    """Makes a DagsterPostgresStorage; never instantiated itself.

    dagster-postgres ships psycopg2, while SQLAlchemy 2.1 reads `postgresql://` as psycopg 3: the driver is named here.
    """

    @classmethod
    def config_type(cls) -> dict[str, Field]:
        """The one thing to configure: the variable's name."""
        return {"url_env": Field(str, default_value="OBSERVE_DATABASE_URL", is_required=False)}

    @classmethod
    def from_config_value(  # pyright: ignore[reportIncompatibleMethodOverride]
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> DagsterStorage:
        """Open the storage; raises SettingsError when the variable is not set or is not a PostgreSQL URL."""
        from dagster_postgres import DagsterPostgresStorage

        name = config_value["url_env"]
        url = Settings.from_environment({"OBSERVE_DATABASE_URL": os.environ.get(name, "")}).database_url
        if url is None:
            raise SettingsError(
                f"{name} is not set. Dagster keeps its runs and schedules in that PostgreSQL database: set it to "
                "a URL such as postgresql://user@host:5432/observe, or start with `observe dev`, which brings its own."
            )
        return DagsterPostgresStorage(url.replace("postgresql://", "postgresql+psycopg2://", 1), inst_data=inst_data)
