"""Bring a database to this version's schema and check that it is current."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from observe_dagster.errors import LedgerError, LedgerSchemaError
from observe_dagster.ledger.database import advisory_key, open_engine, reporting
from observe_dagster.ledger.schema import SCHEMA, metadata

if TYPE_CHECKING:
    from alembic.config import Config

_FOLDER = Path(__file__).parent / "migrations"


def migrate(url: str) -> None:
    """Create or upgrade the ledger's schema; two processes at once are fine, and so is doing it again."""
    from alembic import command
    from alembic.script import ScriptDirectory

    with _migrating(url) as config:
        revision = current_revision(config.attributes["connection"])
        known = {script.revision for script in ScriptDirectory(str(_FOLDER)).walk_revisions()}
        if revision is not None and revision not in known:
            raise LedgerError(f"The ledger database is at revision {revision}, which is newer than this version.")
        command.upgrade(config, "head")


def downgrade(url: str, revision: str) -> None:
    """Go back to an older revision, `base` for none; what newer tables hold is lost."""
    from alembic import command

    with _migrating(url) as config:
        command.downgrade(config, revision)


def current_revision(connection: sa.Connection) -> str | None:
    """The revision the database is at, None before the first migration."""
    from alembic.runtime.migration import MigrationContext

    return MigrationContext.configure(connection, opts=migration_options()).get_current_revision()


def require_current(engine: sa.Engine) -> None:
    """Raise LedgerSchemaError unless the database is at this version's schema."""
    from alembic.script import ScriptDirectory

    head = ScriptDirectory(str(_FOLDER)).get_current_head()
    with reporting(engine), engine.connect() as connection:
        revision = current_revision(connection)
    if revision is None:
        raise LedgerSchemaError("The ledger database has no tables yet: run `observe migrate`.")
    if revision != head:
        raise LedgerSchemaError(
            f"The ledger database is at revision {revision}, this version needs {head}: run `observe migrate`."
        )


def migration_options() -> dict[str, Any]:
    """What Alembic needs to know to look at this schema and no other."""

    def only_ours(name: str | None, kind: str, parents: object) -> bool:
        del parents
        return kind != "schema" or name == SCHEMA

    return {
        "target_metadata": metadata,
        "version_table_schema": SCHEMA,
        "include_schemas": True,
        "include_name": only_ours,
        "compare_server_default": True,
    }


@contextmanager
def _migrating(url: str) -> Generator["Config"]:
    from alembic.config import Config

    engine = open_engine(url, pool=sa.NullPool)
    with reporting(engine), engine.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(advisory_key("migrate"))))
        if not connection.dialect.has_schema(connection, SCHEMA):
            connection.execute(sa.schema.CreateSchema(SCHEMA))
        config = Config()
        config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
        config.attributes["connection"] = connection
        yield config
