"""Connections: the four providers of the Warehouse Sync document, plus PostgreSQL and DuckDB, and their configs."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, StrictBool, StrictInt, field_validator, model_validator
from pydantic.config import JsonDict

from observe_dagster.spec.declared import Declared, Name, Slug

Port = Annotated[str, Field(pattern=r"^\d{1,5}$", coerce_numbers_to_str=True)]


class PostgresConfig(Declared):
    """`url`, or `host`, `port`, `database`, `user` and `password`."""

    url: SecretStr | None = None
    host: str | None = None
    port: Port = "5432"
    database: str | None = None
    user: str | None = None
    password: SecretStr | None = None
    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = None

    @model_validator(mode="after")
    def _url_or_parts(self) -> "PostgresConfig":
        parts = {"host": self.host, "database": self.database, "user": self.user}
        given = [name for name, value in parts.items() if value]
        if self.url is not None and (given or self.password is not None):
            raise ValueError("give either url or host, port, database, user and password, not both")
        if self.url is not None and not self.url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("url must begin with postgresql://")
        if self.url is None and len(given) < len(parts):
            missing = ", ".join(name for name in parts if name not in given)
            raise ValueError(f"missing {missing}; give either url or host, port, database, user and password")
        return self


class DuckDBConfig(Declared):
    """The path of the database file; it is created when first written to.

    `external_access` lets SQL that reads from it read other files and the network too, such as parquet in a bucket.
    `memory_limit` is what DuckDB may take for it, such as 2GB; without it, what the columns need.
    """

    path: str = Field(min_length=1)
    external_access: StrictBool = False
    memory_limit: str | None = None

    @model_validator(mode="after")
    def _no_token(self) -> "DuckDBConfig":
        if "motherduck_token" in self.path:
            raise ValueError("path must not hold a token; set the environment variable motherduck_token instead")
        return self

    @field_validator("memory_limit")
    @classmethod
    def _amount(cls, text: str | None) -> str | None:
        if text is not None and not re.fullmatch(r"[1-9][0-9]*(\.[0-9]+)? ?[KMGT]i?B", text):
            raise ValueError(f"{text!r} is no amount of memory; write a number and its unit, such as 4GB or 512MiB")
        return text


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


class BigQueryConfig(Declared):
    """As in the Warehouse Sync document."""

    region: str
    project_id: str
    dataset_id: str
    service_account_id: str
    service_account_key: SecretStr


class RedshiftConfig(Declared):
    """As in the Warehouse Sync document."""

    database: str
    user: str
    password: SecretStr
    aws_iam_role_arn: str
    host: str
    port: Port = "5439"


class DatabricksConfig(Declared):
    """As in the Warehouse Sync document; `schema` is the data schema's name."""

    provider: str
    schema_: str = Field(alias="schema")


PROVIDER_NAMES = {
    "postgres": "Postgres",
    "duckdb": "DuckDB",
    "snowflake": "Snowflake",
    "bigquery": "BigQuery",
    "redshift": "Redshift",
    "databricks": "Databricks",
}
"""Each provider as the Warehouse Sync document spells it in answers."""


def _known_spellings(schema: JsonDict) -> None:
    provider = str(schema.pop("const"))
    schema["enum"] = [provider, PROVIDER_NAMES[provider]]


Spelt = Field(json_schema_extra=_known_spellings)
"""A provider; editors are told both of its spellings."""


class _Connection(Declared):
    id: Slug
    name: Name
    state: Literal["new", "active", "inactive"] = "active"
    datafold_id: StrictInt | None = None
    monte_carlo_resource_uuid: Annotated[str, Field(min_length=1)] | None = None
    monte_carlo_resource_type: Annotated[str, Field(min_length=1)] | None = None


class PostgresConnection(_Connection):
    """A PostgreSQL database."""

    service_provider: Literal["postgres"] = Spelt
    config: PostgresConfig


class DuckDBConnection(_Connection):
    """A DuckDB file."""

    service_provider: Literal["duckdb"] = Spelt
    config: DuckDBConfig


class SnowflakeConnection(_Connection):
    """A Snowflake account."""

    service_provider: Literal["snowflake"] = Spelt
    config: SnowflakeConfig


class BigQueryConnection(_Connection):
    """A BigQuery dataset."""

    service_provider: Literal["bigquery"] = Spelt
    config: BigQueryConfig


class RedshiftConnection(_Connection):
    """An Amazon Redshift cluster."""

    service_provider: Literal["redshift"] = Spelt
    config: RedshiftConfig


class DatabricksConnection(_Connection):
    """A Databricks metastore's schema."""

    service_provider: Literal["databricks"] = Spelt
    config: DatabricksConfig


def _provider_in_lower_case(value: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(provider := value.get("service_provider"), str):
        return {**value, "service_provider": provider.strip().lower()}
    return value


Connection = Annotated[
    PostgresConnection
    | DuckDBConnection
    | SnowflakeConnection
    | BigQueryConnection
    | RedshiftConnection
    | DatabricksConnection,
    Field(discriminator="service_provider"),
    BeforeValidator(_provider_in_lower_case),
]
"""A connection; `service_provider` is read without regard to case."""


def default_schema(connection: Connection) -> str:
    """The schema in which the engine looks for a table named without one."""
    if isinstance(connection, DuckDBConnection):
        return "main"
    if isinstance(connection, BigQueryConnection):
        return connection.config.dataset_id
    if isinstance(connection, DatabricksConnection):
        return connection.config.schema_
    return "PUBLIC" if isinstance(connection, SnowflakeConnection) else "public"
