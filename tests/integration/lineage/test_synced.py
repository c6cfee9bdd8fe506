"""The lineage that a sync leaves in the ledger, and what it hands to Dagster."""

from datetime import timedelta

import pytest

from observe_dagster.config.models.paths import path_text

TABLES = (
    "CREATE TABLE items (id int PRIMARY KEY, price numeric(9,2), secret text, updated_at timestamptz)",
    "CREATE TABLE notes (id int, note text)",
    "INSERT INTO items VALUES (1, 2.5, 'x', '2024-03-01 09:00Z')",
    "INSERT INTO notes VALUES (1, 'n')",
)


@pytest.fixture(params=[("postgres", "duckdb"), ("duckdb", "postgres")], ids="-to-".join)
def world(request, make_world):
    made = make_world(*request.param)
    made.source.run(*TABLES)
    return made


def above(world, path: str) -> list[str]:
    graph = world.ledger.lineage.upstream(path)
    return [path_text((*node.path, node.column) if node.column else node.path) for node in graph.nodes]


def later(world) -> None:
    """An hour passes, in which the row changes."""
    world.now += timedelta(hours=1)
    world.source.run("UPDATE items SET updated_at = '2024-03-01 12:30Z'")


def schema(world) -> str:
    return "public" if world.source.name == "postgres" else "main"


def test_columns_are_followed_through_the_field_transformation(world):
    world.declare(
        "SELECT id, price * 2 AS twice, secret, updated_at FROM items",
        field_transformation={
            "rename": {"twice": "double"},
            "cast": {"id": "bigint", "double": "decimal(12,2)"},
            "drop": ["secret"],
            "constant": {"origin": "shop"},
        },
    )
    result = world.sync()

    place = f"source.{schema(world)}.items"
    assert above(world, "target.analytics.items") == [place]
    assert above(world, "target.analytics.items.double") == [f"{place}.price"]
    assert above(world, "target.analytics.items.id") == [f"{place}.id"]
    assert world.ledger.lineage.find("target.analytics.items").columns == ("double", "id", "updated_at")
    assert {flow.column: [name for _, name in flow.sources] for flow in result.lineage} == {
        "id": ["id"],
        "double": ["price"],
        "updated_at": ["updated_at"],
    }


def test_a_star_over_several_tables_is_read_from_the_source(world):
    world.declare("SELECT i.*, n.* FROM items i JOIN (SELECT id AS note_id, note FROM notes) n ON n.note_id = i.id")
    world.sync()
    assert above(world, "target.analytics.items.price") == [f"source.{schema(world)}.items.price"]
    assert above(world, "target.analytics.items.note") == [f"source.{schema(world)}.notes.note"]


def test_changed_sql_is_picked_up_by_the_next_run(world):
    world.declare("SELECT id, price, updated_at FROM items")
    world.sync()
    later(world)
    world.declare("SELECT i.id, i.secret, i.updated_at FROM items i JOIN notes n ON n.id = i.id")
    assert world.ledger.declared.pipeline("p").load_lineage
    world.sync()
    place = f"source.{schema(world)}"
    assert above(world, "target.analytics.items") == [f"{place}.items", f"{place}.notes"]
    assert above(world, "target.analytics.items.secret") == [f"{place}.items.secret"]
    assert above(world, "target.analytics.items.price") == []
    assert not world.ledger.declared.pipeline("p").load_lineage


def test_a_run_of_what_has_not_changed_writes_no_lineage(world):
    world.declare("SELECT id, price, updated_at FROM items")
    world.sync()
    with world.ledger.engine.begin() as db:
        db.exec_driver_sql("DELETE FROM observe.address_lineage")
    later(world)
    assert world.sync().lineage
    assert above(world, "target.analytics.items") == []


def test_a_new_source_column_is_followed(world):
    world.declare("SELECT * FROM items")
    world.sync()
    world.source.run("ALTER TABLE items ADD COLUMN colour text")
    later(world)
    world.sync()
    assert above(world, "target.analytics.items.colour") == [f"source.{schema(world)}.items.colour"]
