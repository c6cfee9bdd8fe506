"""A connection to Redshift."""

from typing import ClassVar, Literal
from urllib.parse import quote

from pydantic import SecretStr

from observe_dagster.config.models.base import Declared
from observe_dagster.config.models.connections.base import BaseConnection, Port, Provider


class RedshiftConfig(Declared):
    """As in the Warehouse Sync document."""

    database: str
    user: str
    password: SecretStr
    aws_iam_role_arn: str
    host: str
    port: Port = "5439"


class RedshiftConnection(BaseConnection):
    """An Amazon Redshift cluster."""

    provider_name: ClassVar[str] = "Redshift"

    service_provider: Literal["redshift"] = Provider
    config: RedshiftConfig

    @property
    def qualifier(self) -> str:
        """The database or project in a table's fully qualified name."""
        return self.config.database

    @property
    def base_uri(self) -> str:
        """The URI that those of the connection's tables begin with."""
        return f"redshift://{self.config.host}:{self.config.port}/{quote(self.config.database, safe='')}"
