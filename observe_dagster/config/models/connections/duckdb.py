"""A connection to DuckDB."""

import re
from pathlib import PurePath
from typing import ClassVar, Literal
from urllib.parse import quote

from pydantic import Field, StrictBool, field_validator, model_validator

from observe_dagster.config.models.base import Declared
from observe_dagster.config.models.connections.base import BaseConnection, Provider


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


class DuckDBConnection(BaseConnection):
    """A DuckDB file."""

    provider_name: ClassVar[str] = "DuckDB"

    service_provider: Literal["duckdb"] = Provider
    config: DuckDBConfig

    @property
    def default_schema(self) -> str:
        """The schema in which the engine looks for a table named without one."""
        return "main"

    @property
    def database_name(self) -> str:
        """The file's name: DuckDB calls the database so."""
        return PurePath(self.config.path).stem or "memory"

    @property
    def file(self) -> PurePath:
        """The file that the database is."""
        return PurePath(self.config.path)

    @property
    def base_uri(self) -> str:
        """The URI that those of the connection's tables begin with."""
        return f"duckdb://{quote(self.config.path)}"
