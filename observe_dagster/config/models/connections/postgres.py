"""A connection to PostgreSQL."""

from typing import ClassVar, Literal
from urllib.parse import quote, unquote, urlsplit

from pydantic import SecretStr, model_validator

from observe_dagster.config.models.base import Declared
from observe_dagster.config.models.connections.base import BaseConnection, Port, Provider


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
        present = [name for name, value in parts.items() if value]
        if self.url is not None and (present or self.password is not None):
            raise ValueError("give either url or host, port, database, user and password, not both")
        if self.url is not None and not self.url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("url must begin with postgresql://")
        if self.url is None and len(present) < len(parts):
            missing = ", ".join(name for name in parts if name not in present)
            raise ValueError(f"missing {missing}; give either url or host, port, database, user and password")
        return self


class PostgresConnection(BaseConnection):
    """A PostgreSQL database."""

    provider_name: ClassVar[str] = "Postgres"

    service_provider: Literal["postgres"] = Provider
    config: PostgresConfig

    @property
    def qualifier(self) -> str:
        """The database or project in a table's fully qualified name."""
        return self._address[1]

    @property
    def base_uri(self) -> str:
        """The URI that those of the connection's tables begin with."""
        host, database = self._address
        return f"postgres://{host}/{quote(database, safe='')}"

    @property
    def _address(self) -> tuple[str, str]:
        """Host with port, and database. A URL whose password cannot be separated gives neither."""
        config = self.config
        if config.url is None:
            return f"{config.host}:{config.port}", config.database or ""
        try:
            parts = urlsplit(config.url.get_secret_value())
        except ValueError:
            return "", ""
        beyond_host = parts.path + parts.query + parts.fragment
        if not parts.netloc or "@" in beyond_host:
            return "", ""
        return parts.netloc.rpartition("@")[2], unquote(parts.path.lstrip("/"))
