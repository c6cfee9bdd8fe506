"""From a data model's columns through the field transformation to the destination's."""

from observe_dagster.config.models.pipeline import FieldTransformation
from observe_dagster.lineage.pipelines import PipelineLineage, pipeline_lineage


def follow(sql: str, columns: list[str], schema: dict | None = None, **transformation: object) -> PipelineLineage:
    return pipeline_lineage(
        sql,
        "postgres",
        default_schema="public",
        transformation=FieldTransformation.model_validate(transformation),
        columns=columns,
        target_dialect="duckdb",
        schema=schema,
    )


def flows(found: PipelineLineage) -> dict[str, list[str]]:
    return {flow.column: [f"{table}.{column}" for table, column in flow.sources] for flow in found.columns}


def test_renamed_cast_dropped_and_constant_columns_are_followed():
    found = follow(
        "SELECT id, a + b AS total, secret, at FROM orders",
        ["order_id", "total", "at", "origin"],
        rename={"id": "order_id"},
        cast={"total": "text"},
        drop=["secret"],
        constant={"origin": "shop"},
    )
    assert flows(found) == {
        "order_id": ["public.orders.id"],
        "total": ["public.orders.a", "public.orders.b"],
        "at": ["public.orders.at"],
    }
    assert [str(table) for table in found.reads] == ["public.orders"]


def test_a_star_over_one_table_is_taken_for_the_columns_that_arrived():
    found = follow(
        "SELECT * FROM orders",
        ["k", "a", "origin", "_observe_deleted_at"],
        rename={"id": "k"},
        constant={"origin": 1},
    )
    assert flows(found) == {"k": ["public.orders.id"], "a": ["public.orders.a"]}
    assert found.unresolved == ()


def test_a_star_over_several_tables_needs_their_columns():
    sql = "SELECT * FROM orders JOIN lines USING (id)"
    assert flows(follow(sql, ["id", "a", "n"])) == {}
    assert follow(sql, ["id", "a", "n"]).unresolved
    schema = {("public", "orders"): ("id", "a"), ("public", "lines"): ("id", "n")}
    assert flows(follow(sql, ["id", "a", "n"], schema)) == {
        "id": ["public.orders.id", "public.lines.id"],
        "a": ["public.orders.a"],
        "n": ["public.lines.n"],
    }


def test_a_column_that_did_not_arrive_has_no_lineage():
    assert flows(follow("SELECT a, b FROM t", ["B"])) == {"B": ["public.t.b"]}
