"""The ledger's errors: in our words, without secrets, and telling whether waiting may help."""

import psycopg
import pytest

from observe_dagster.errors import LedgerError
from observe_dagster.ledger import Ledger, migrate


def test_a_refused_connection_is_transient_and_keeps_the_password_out() -> None:
    with Ledger.open("postgresql://someone:hunter2@127.0.0.1:1/ledger") as ledger, pytest.raises(LedgerError) as caught:
        ledger.declared.pipelines()
    assert caught.value.transient
    assert "refused" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "hunter2" not in repr(ledger.engine)


def test_a_database_that_does_not_exist_is_not_transient(database: str) -> None:
    with Ledger.open(database.replace("/test_", "/missing_")) as ledger, pytest.raises(LedgerError) as caught:
        ledger.declared.pipelines()
    assert "does not exist" in str(caught.value)


@pytest.mark.parametrize("url", ["", "nonsense", "postgresql://user:hunter2@host:port/x"])
def test_a_url_that_cannot_be_read_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(LedgerError, match="cannot be read") as caught:
        Ledger.open(url)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(LedgerError, match="cannot be read"):
        migrate(url)


def test_the_ledger_recovers_from_connections_that_the_server_ended(declared: Ledger, ledger_url: str) -> None:
    assert len(declared.declared.pipelines()) == 2
    with psycopg.connect(ledger_url, autocommit=True) as direct:
        direct.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'observe'"
        )
    assert len(declared.declared.pipelines()) == 2


def test_connections_are_named_so_that_a_dba_can_tell_them(declared: Ledger, ledger_url: str) -> None:
    declared.declared.pipelines()
    with psycopg.connect(ledger_url) as direct:
        rows = direct.execute(
            "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database()"
        )
        assert ("observe",) in rows.fetchall()
