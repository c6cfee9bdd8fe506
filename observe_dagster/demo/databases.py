"""Where the example's rows live: two databases beside the ledger's, and a DuckDB file under OBSERVE_HOME."""

from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

from psycopg import sql

from observe_dagster.demo.source import connect
from observe_dagster.embedded import create_database
from observe_dagster.errors import SettingsError
from observe_dagster.settings import Settings

SOURCE_VARIABLE = "OBSERVE_NYC_SOURCE_URL"
LAKE_VARIABLE = "OBSERVE_NYC_LAKE_PATH"
WAREHOUSE_VARIABLE = "OBSERVE_NYC_WAREHOUSE_URL"
ALERTS_VARIABLE = "OBSERVE_NYC_ALERTS_URL"

_SOURCE_DATABASE, _WAREHOUSE_DATABASE = "nyc_source", "nyc_warehouse"
_MARK: LiteralString = "observe_dagster example; may be dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoDatabases:
    """The URLs and the path that the example's connections are given."""

    source_url: str
    lake_path: Path
    warehouse_url: str

    def environment(self) -> dict[str, str]:
        """The variables that the example's YAML reads."""
        return {
            SOURCE_VARIABLE: self.source_url,
            LAKE_VARIABLE: str(self.lake_path),
            WAREHOUSE_VARIABLE: self.warehouse_url,
        }


def make_places(settings: Settings, database_url: str) -> DemoDatabases:
    """Make empty places, dropping what an earlier demo left.

    Raises SettingsError when a database of that name exists that is not the example's.
    """
    lake = settings.home / "example" / "lake.duckdb"
    lake.parent.mkdir(parents=True, exist_ok=True)
    for leftover in (lake, lake.with_name(lake.name + ".wal")):
        leftover.unlink(missing_ok=True)
    return DemoDatabases(
        source_url=_fresh(database_url, _SOURCE_DATABASE),
        lake_path=lake,
        warehouse_url=_fresh(database_url, _WAREHOUSE_DATABASE),
    )


def _fresh(database_url: str, name: str) -> str:
    with connect(database_url) as server:
        found = server.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name]
        ).fetchone()
        if found is not None and found[0] != _MARK:
            raise SettingsError(
                f"The server has a database {name!r} that is not the example's, and the demo will not touch it. "
                "Rename it, or run the demo with its own server by leaving OBSERVE_DATABASE_URL out."
            )
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        url = create_database(database_url, name)
        server.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(_MARK)))
    return url
