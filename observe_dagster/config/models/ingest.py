"""The settings of ingested SQL, beside its text and platform."""

from pydantic import Field

from observe_dagster.config.models.base import Declared


class IngestConfig(Declared):
    """The `extra_config` of a script.

    `connection_id` names the declared connection whose tables the script means; its columns are then read from there.
    Without it, `default_database` and `default_schema` complete the names of tables. `tables` gives the columns of
    tables by their paths. A script of the same `name` is replaced.
    """

    connection_id: str | None = None
    default_database: str | None = None
    default_schema: str | None = None
    name: str | None = None
    tables: dict[str, tuple[str, ...]] = Field(default_factory=dict)
