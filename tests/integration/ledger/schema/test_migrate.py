"""The shipped migrations make exactly the tables that the code uses, forwards and backwards."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from observe_dagster.errors import LedgerError, LedgerSchemaError
from observe_dagster.ledger import Ledger, downgrade, migrate
from observe_dagster.ledger.database import open_engine
from observe_dagster.ledger.schema.columns import metadata
from observe_dagster.ledger.schema.migrate import migration_options


def _differences(url: str) -> list[object]:
    engine = open_engine(url)
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts=migration_options()), metadata)
    engine.dispose()
    return found


def _tables(url: str) -> set[str]:
    engine = open_engine(url)
    found = set(sa.inspect(engine).get_table_names(schema="observe"))
    engine.dispose()
    return found


def test_the_migrated_schema_does_not_differ_from_the_tables(database: str) -> None:
    migrate(database)
    assert _differences(database) == []


def test_a_missing_index_would_be_noticed(ledger_url: str) -> None:
    engine = open_engine(ledger_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX observe.ix_pipeline_execution_open")
    engine.dispose()
    assert [change[0] for change in _differences(ledger_url)] == ["add_index"]


def test_downgrading_to_base_removes_every_table_and_upgrading_brings_them_back(ledger_url: str) -> None:
    before = _tables(ledger_url)
    downgrade(ledger_url, "base")
    assert _tables(ledger_url) == {"alembic_version"}
    migrate(ledger_url)
    assert _tables(ledger_url) == before
    assert _differences(ledger_url) == []


def test_downgrading_one_revision_keeps_the_executions(ledger_url: str) -> None:
    downgrade(ledger_url, "0001")
    assert "pipeline_execution" in _tables(ledger_url)
    assert "publication" not in _tables(ledger_url)


def test_migrating_again_changes_nothing(ledger_url: str) -> None:
    migrate(ledger_url)
    assert _differences(ledger_url) == []


def test_several_migrations_at_once_all_succeed(database: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, [database] * 4))
    assert _differences(database) == []


def test_tables_of_other_schemas_are_left_alone(database: str) -> None:
    engine = open_engine(database)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE public.pipeline (id int)")
    migrate(database)
    downgrade(database, "base")
    assert sa.inspect(engine).has_table("pipeline", schema="public")
    engine.dispose()


def test_an_empty_database_is_refused_with_the_way_out(database: str) -> None:
    with Ledger.open(database) as ledger, pytest.raises(LedgerSchemaError, match="run `observe migrate`"):
        ledger.require_current()


def test_an_older_database_is_refused_and_accepted_once_migrated(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        ledger.require_current()
        downgrade(ledger_url, "0001")
        with pytest.raises(LedgerSchemaError, match="revision 0001"):
            ledger.require_current()
        migrate(ledger_url)
        ledger.require_current()


def test_a_database_of_a_newer_version_is_not_touched(ledger_url: str) -> None:
    engine = open_engine(ledger_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE observe.alembic_version SET version_num = '9999'")
    engine.dispose()
    with pytest.raises(LedgerError, match="newer than this version"):
        migrate(ledger_url)


def test_a_verb_on_an_unmigrated_database_says_to_migrate(database: str) -> None:
    with Ledger.open(database) as ledger, pytest.raises(LedgerSchemaError, match="observe migrate"):
        ledger.declared.pipelines()
