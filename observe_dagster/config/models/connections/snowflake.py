"""A connection to Snowflake."""

from typing import ClassVar, Literal
from urllib.parse import quote

from pydantic import SecretStr

from observe_dagster.config.models.base import Declared
from observe_dagster.config.models.connections.base import BaseConnection, Provider


class SnowflakeConfig(Declared):
    """As in the Warehouse Sync document."""

    account_identifier: str
    region: str
    warehouse: str
    database: str
    user: str
    role: str
    password: SecretStr
    storage_integration: str
    aws_iam_user_arn: str | None = None
    aws_external_id: str | None = None


class SnowflakeConnection(BaseConnection):
    """A Snowflake account."""

    provider_name: ClassVar[str] = "Snowflake"

    service_provider: Literal["snowflake"] = Provider
    config: SnowflakeConfig

    @property
    def default_schema(self) -> str:
        """The schema in which the engine looks for a table named without one."""
        return "PUBLIC"

    @property
    def qualifier(self) -> str:
        """The database or project in a table's fully qualified name."""
        return self.config.database

    @property
    def base_uri(self) -> str:
        """The URI that those of the connection's tables begin with."""
        return f"snowflake://{self.config.account_identifier}/{quote(self.config.database, safe='')}"
