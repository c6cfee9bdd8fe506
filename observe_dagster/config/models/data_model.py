"""Data models: one read-only SELECT each, inline or in a .sql file beside the YAML."""

from typing import Literal

from pydantic import Field, model_validator

from observe_dagster.config.models.base import Declared, Name, Slug


class DataModelConfig(Declared):
    """`sql_query`, or `sql_file` (a path relative to the YAML file), never both."""

    sql_query: str | None = Field(default=None, min_length=1)
    sql_file: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_of(self) -> "DataModelConfig":
        if (self.sql_query is None) == (self.sql_file is None):
            raise ValueError("give exactly one of sql_query and sql_file")
        return self


class DataModel(Declared):
    """The rows a pipeline reads. After loading, `config.sql_query` always holds the SQL."""

    id: Slug
    name: Name
    state: Literal["new", "active", "inactive"] = "active"
    type: Literal["sql"] = "sql"
    config: DataModelConfig

    @property
    def sql(self) -> str:
        """The SELECT, without a trailing semicolon."""
        return (self.config.sql_query or "").strip().rstrip(";").rstrip()
