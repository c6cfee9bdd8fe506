"""A connection to Databricks."""

from typing import ClassVar, Literal
from urllib.parse import quote

from pydantic import Field

from observe_dagster.config.models.base import Declared
from observe_dagster.config.models.connections.base import BaseConnection, Provider


class DatabricksConfig(Declared):
    """As in the Warehouse Sync document; `schema` is the data schema's name."""

    provider: str
    schema_: str = Field(alias="schema")


class DatabricksConnection(BaseConnection):
    """A Databricks metastore's schema."""

    provider_name: ClassVar[str] = "Databricks"

    service_provider: Literal["databricks"] = Provider
    config: DatabricksConfig

    @property
    def default_schema(self) -> str:
        """The schema in which the engine looks for a table named without one."""
        return self.config.schema_

    @property
    def database_name(self) -> str:
        """The database, catalog or project that the connection's schemas are in."""
        return self.config.provider

    @property
    def base_uri(self) -> str:
        """The URI that those of the connection's tables begin with."""
        return f"databricks://{quote(self.config.provider, safe='')}"
