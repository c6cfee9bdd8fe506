"""What a run saw: statements, schema changes, lineage."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from observe_dagster.errors import LedgerError, NotFoundError
from observe_dagster.ledger import AddressRef, ExecutionRow, Ledger, LineageEdge
from observe_dagster.records import QueryLog, SchemaChange
from tests.integration.ledger.declared_project import NOW

Start = Callable[..., ExecutionRow]
Query = Callable[[str], list[tuple[Any, ...]]]
EDGES = """
    SELECT p.pipeline_id, s.name, t.name FROM observe.address_lineage l
    JOIN observe.pipeline p ON p.id = l.pipeline_pk
    JOIN observe.address s ON s.id = l.source_address_id
    JOIN observe.address t ON t.id = l.target_address_id ORDER BY 1, 2, 3
"""


def _edge(source: str, target: str) -> LineageEdge:
    return LineageEdge(
        source=AddressRef(name=source, type_name="postgres"), target=AddressRef(name=target, type_name="duckdb")
    )


def _query(query_id: str = "q1", text: str = "SELECT 'Zürich ✈'") -> QueryLog:
    return QueryLog(
        connection_id="ops", started_at=NOW, ended_at=NOW, text=text, user="observe", query_id=query_id, rows=3
    )


def test_statements_are_kept_once_each(declared: Ledger, start: Start, query: Query) -> None:
    run = start()
    declared.executions.record_queries(run.id, [_query("q1"), _query("q2", "bad \x00 text")])
    declared.executions.record_queries(run.id, [_query("q1"), _query("q3")])
    declared.executions.record_queries(run.id, [])
    rows = query("SELECT query_id, query_text, returned_rows FROM observe.query_log ORDER BY 1")
    assert rows == [("q1", "SELECT 'Zürich ✈'", 3), ("q2", "bad  text", 3), ("q3", "SELECT 'Zürich ✈'", 3)]


def test_schema_changes_are_kept_once_each(declared: Ledger, start: Start, query: Query) -> None:
    run = start()
    change = SchemaChange(column="größe", change="added", old_type=None, new_type="bigint", action="altered")
    declared.executions.record_schema_changes(run.id, [change])
    declared.executions.record_schema_changes(run.id, [change])
    rows = query("SELECT column_name, change, old_type, new_type, action FROM observe.schema_change")
    assert rows == [("größe", "added", None, "bigint", "altered")]


def test_observations_of_an_unknown_run_are_refused(declared: Ledger) -> None:
    with pytest.raises(LedgerError, match="foreign key"):
        declared.executions.record_queries(99, [_query()])


def test_edges_are_replaced_and_the_pipeline_needs_no_more_lineage(declared: Ledger, query: Query) -> None:
    declared.lineage.replace("flights-hourly", [_edge("a", "b"), _edge("c", "b")])
    assert not declared.declared.pipeline("flights-hourly").load_lineage
    declared.lineage.replace("flights-hourly", [_edge("c", "b"), _edge("d", "b")])
    assert query(EDGES) == [("flights-hourly", "c", "b"), ("flights-hourly", "d", "b")]
    declared.lineage.replace("flights-hourly", [])
    assert query(EDGES) == []


def test_two_pipelines_may_have_the_same_edge(declared: Ledger, query: Query) -> None:
    declared.lineage.replace("flights-hourly", [_edge("a", "b")])
    declared.lineage.replace("flights-daily", [_edge("a", "b")])
    declared.lineage.replace("flights-hourly", [])
    assert query(EDGES) == [("flights-daily", "a", "b")]


def test_diamonds_cycles_and_loops_are_kept(declared: Ledger, query: Query) -> None:
    pairs = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("d", "a"), ("e", "e")]
    declared.lineage.replace("flights-hourly", [_edge(*pair) for pair in pairs])
    assert query(EDGES) == [("flights-hourly", *pair) for pair in pairs]


def test_the_same_edges_again_write_nothing(declared: Ledger, query: Query) -> None:
    tables = ("address", "address_type", "address_lineage", "pipeline")

    def versions() -> list[list[tuple[Any, ...]]]:
        return [query(f"SELECT id, ctid::text FROM observe.{table} ORDER BY 1") for table in tables]

    declared.lineage.replace("flights-hourly", [_edge("a", "b")])
    before = versions()
    declared.lineage.replace("flights-hourly", [_edge("a", "b")])
    assert versions() == before


def test_an_address_takes_its_newest_facts(declared: Ledger, query: Query) -> None:
    def declare(metadata: dict[str, Any] | None, schema: str | None) -> list[tuple[Any, ...]]:
        source = AddressRef(name="a", type_name="postgres", schema_name=schema, address_metadata=metadata)
        target = AddressRef(name="b", type_name="duckdb")
        declared.lineage.replace("flights-hourly", [LineageEdge(source=source, target=target)])
        return query("SELECT schema_name, address_metadata FROM observe.address WHERE name = 'a'")

    assert declare({"owner": "ä"}, "public") == [("public", {"owner": "ä"})]
    assert declare(None, None) == [(None, None)]


def test_pipelines_writing_the_same_addresses_at_once_do_not_block_each_other(declared: Ledger, query: Query) -> None:
    names = [f"t{number}" for number in range(40)]
    edges = [_edge(source, target) for source, target in zip(names, reversed(names), strict=True)]
    with ThreadPoolExecutor(4) as pool:
        ids = ["flights-hourly", "flights-daily"] * 4
        list(pool.map(lambda pipeline_id: declared.lineage.replace(pipeline_id, edges), ids))
    assert query("SELECT count(*) FROM observe.address_lineage") == [(80,)]


def test_lineage_of_an_unknown_pipeline_is_refused(declared: Ledger) -> None:
    with pytest.raises(NotFoundError, match="pipeline 'nothing'"):
        declared.lineage.replace("nothing", [])
