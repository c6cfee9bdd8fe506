"""All queries of TPC-DS and TPC-H are followed, with all their outputs."""

from dataclasses import dataclass

import pytest
import sqlglot

from benchmarks.support.tpc import DIALECT, TpcQuery, tpc_queries
from observe_dagster.lineage import QueryLineage, query_lineage


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A query, how many columns it gives, and its lineage with the schema."""

    query: TpcQuery
    width: int
    lineage: QueryLineage


@pytest.fixture(scope="module")
def followed() -> list[Followed]:
    try:
        queries = list(tpc_queries())
    except RuntimeError as error:
        pytest.skip(f"the queries are downloaded, and {error}")
    return [
        Followed(
            query=query,
            width=len(sqlglot.parse_one(query.full_sql, read=DIALECT).selects),
            lineage=query_lineage(query.sql, DIALECT, schema=query.schema),
        )
        for query in queries
    ]


def test_all_queries_resolve_with_all_their_outputs(followed):
    assert len(followed) == 99 + 22
    for one in followed:
        assert one.lineage.unresolved == (), one.query
        assert len(one.lineage.outputs) == one.width, one.query


def test_only_literals_and_counts_of_rows_come_from_no_column(followed):
    outputs = [output for one in followed for output in one.lineage.outputs]
    assert (len(outputs), sum(not output.sources for output in outputs)) == (684, 46)


def test_every_source_is_a_column_that_its_table_has(followed):
    for one in followed:
        columns = {path[-1].upper(): {name.upper() for name in named} for path, named in one.query.schema.items()}
        for output in one.lineage.outputs:
            for ref in output.sources:
                assert ref.column.upper() in columns[ref.table[-1].upper()], one.query


def test_without_a_schema_every_query_keeps_its_outputs(followed):
    for one in followed:
        found = query_lineage(one.query.sql, DIALECT)
        assert len(found.outputs) == one.width or any(output.star for output in found.outputs), one.query
        assert found.reads == one.lineage.reads, one.query
