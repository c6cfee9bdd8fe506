"""A connection to BigQuery."""

from typing import ClassVar, Literal

from pydantic import SecretStr

from observe_dagster.config.models.base import Declared
from observe_dagster.config.models.connections.base import BaseConnection, Provider


class BigQueryConfig(Declared):
    """As in the Warehouse Sync document."""

    region: str
    project_id: str
    dataset_id: str
    service_account_id: str
    service_account_key: SecretStr


class BigQueryConnection(BaseConnection):
    """A BigQuery dataset."""

    provider_name: ClassVar[str] = "BigQuery"

    service_provider: Literal["bigquery"] = Provider
    config: BigQueryConfig

    @property
    def default_schema(self) -> str:
        """The schema in which the engine looks for a table named without one."""
        return self.config.dataset_id

    @property
    def qualifier(self) -> str:
        """The database or project in a table's fully qualified name."""
        return self.config.project_id

    @property
    def base_uri(self) -> str:
        """The URI that those of the connection's tables begin with."""
        return f"bigquery://{self.config.project_id}"
