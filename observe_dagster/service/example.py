"""The shipped example's places, found again after `observe demo` has made them."""

import os
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from observe_dagster.settings import PACKAGE_DEFS, Settings


def demo_databases_exist(settings: Settings) -> bool:
    """Whether the shipped example is what is declared, and `observe demo` has made its places under OBSERVE_HOME."""
    return settings.defs == PACKAGE_DEFS and _lake(settings).exists()


def set_demo_environment(settings: Settings, database_url: str) -> None:
    """Name the example's places in the environment, for this process and its children; what is set there stays."""
    from observe_dagster.demo.databases import LAKE_VARIABLE, SOURCE_VARIABLE, WAREHOUSE_VARIABLE

    os.environ.setdefault(SOURCE_VARIABLE, _database(database_url, "nyc_source"))
    os.environ.setdefault(WAREHOUSE_VARIABLE, _database(database_url, "nyc_warehouse"))
    os.environ.setdefault(LAKE_VARIABLE, str(_lake(settings)))


def _lake(settings: Settings) -> Path:
    return settings.home / "example" / "lake.duckdb"


def _database(database_url: str, name: str) -> str:
    return urlunsplit(urlsplit(database_url)._replace(path=f"/{name}"))
