"""The declared project in a ledger, and shorthands for starting runs and asking the database."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from observe_dagster.ledger import ExecutionRow, Ledger
from observe_dagster.records import RunType
from tests.integration.ledger.declared_project import NOW, project


@pytest.fixture
def declared(ledger: Ledger) -> Ledger:
    """The ledger with the project declared."""
    ledger.declared.synchronise(project(), now=NOW)
    return ledger


@pytest.fixture
def start(declared: Ledger) -> Callable[..., ExecutionRow]:
    """Start an execution of `flights-hourly` by its key, with any fact changed."""

    def begin(execution_key: str = "run-1", **changes: Any) -> ExecutionRow:
        facts: dict[str, Any] = {
            "pipeline_id": "flights-hourly",
            "execution_key": execution_key,
            "run_type": RunType.SCHEDULED,
            "logical_date": NOW,
            "range_start": None,
            "range_end": "10",
            "watermark": None,
            "next_watermark": "10",
            "started_at": NOW,
            "moves_watermark": True,
        }
        return declared.executions.start(**{**facts, **changes})

    return begin


@pytest.fixture
def query(ledger_url: str) -> Callable[..., list[tuple[Any, ...]]]:
    """Ask the ledger's database directly."""

    def ask(statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(ledger_url) as direct:
            cursor = direct.execute(statement)
            return [] if cursor.description is None else cursor.fetchall()

    return ask
