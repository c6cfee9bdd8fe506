"""Walking the ledger's edges from a table or column, up and down."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observe_dagster.config.models.paths import path_text
from observe_dagster.errors import LedgerError, NotFoundError
from observe_dagster.ledger import AddressRef, Ledger, LineageEdge, LineageGraph, Script


def address(name: str) -> AddressRef:
    return AddressRef(name=name, type_name="postgres")


def take_in(ledger: Ledger, pairs: list[tuple[str, str]], clock, columns: tuple[tuple[str, str], ...] = ()) -> None:
    edges = tuple(LineageEdge(source=address(a), target=address(b), columns=columns) for a, b in pairs)
    from observe_dagster.ledger import Asset

    assets = tuple(Asset(address=address(name)) for name in sorted({name for pair in pairs for name in pair}))
    ledger.lineage.ingest(
        Script(name="x", platform="postgres", content="", extra_config={}, assets=assets, edges=edges), now=clock()
    )


def found(graph: LineageGraph) -> dict[str, int]:
    return {path_text((*node.path, node.column) if node.column else node.path): node.depth for node in graph.nodes}


def test_each_node_is_found_once_at_its_nearest_depth(ledger, clock):
    take_in(ledger, [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("a", "d"), ("d", "e")], clock)
    assert found(ledger.lineage.downstream("a")) == {"b": 1, "c": 1, "d": 1, "e": 2}
    assert found(ledger.lineage.upstream("e")) == {"d": 1, "a": 2, "b": 2, "c": 2}
    assert len(ledger.lineage.upstream("e").edges) == 6


def test_a_circle_ends(ledger, clock):
    take_in(ledger, [("a", "b"), ("b", "c"), ("c", "a"), ("b", "b")], clock)
    graph = ledger.lineage.downstream("a", max_depth=99)
    assert found(graph) == {"b": 1, "c": 2}
    assert len(graph.edges) == 4


def test_max_depth_ends_the_walk(ledger, clock):
    take_in(ledger, [("a", "b"), ("b", "c"), ("c", "d")], clock)
    assert found(ledger.lineage.downstream("a", max_depth=2)) == {"b": 1, "c": 2}
    for wrong in (0, 100):
        with pytest.raises(ValueError, match="max_depth must be 1 to 99"):
            ledger.lineage.downstream("a", max_depth=wrong)


def test_columns_are_walked_apart_from_their_tables(ledger, clock):
    take_in(ledger, [("db.s.a", "db.s.b"), ("db.s.b", "db.s.c")], clock, columns=(("x", "x"), ("y", "z")))
    assert found(ledger.lineage.downstream("db.s.a.x")) == {"db.s.b.x": 1, "db.s.c.x": 2}
    assert found(ledger.lineage.downstream("db.s.a.y")) == {"db.s.b.z": 1}
    start = ledger.lineage.find("db.s.b")
    assert start.columns == ("x", "y", "z")


def test_a_path_is_case_sensitive_and_may_leave_out_leading_parts(ledger, clock):
    take_in(ledger, [('db.S."my.table"', "db.s.t"), ("other.s.t", "db.s.u")], clock, columns=(("c.d", "e"),))
    assert ledger.lineage.find('"my.table"').path == ("db", "S", "my.table")
    assert ledger.lineage.find('S."my.table"."c.d"').column == "c.d"
    assert ledger.lineage.find("u").path == ("db", "s", "u")
    assert ledger.lineage.find("db.s.t").path == ("db", "s", "t")
    with pytest.raises(LedgerError, match=r"'s.t' may be db\.s\.t, other\.s\.t; write more of its path"):
        ledger.lineage.find("s.t")
    with pytest.raises(NotFoundError, match=r"'db\.S\.t'\. Did you mean 'db\.s\.t'"):
        ledger.lineage.find("db.S.t")
    with pytest.raises(LedgerError, match="is no path"):
        ledger.lineage.find("db..t")


def test_letters_that_stand_for_any_in_sql_do_not_do_so_in_a_path(ledger, clock):
    take_in(ledger, [("db.s.a_b", "db.s.axb"), ("db.s.p%", "db.s.pq")], clock)
    assert ledger.lineage.find("s.a_b").path == ("db", "s", "a_b")
    assert ledger.lineage.find("s.p%").path == ("db", "s", "p%")


def test_a_table_without_edges_has_nothing_around_it(ledger, clock):
    take_in(ledger, [("a", "b")], clock)
    graph = ledger.lineage.downstream("b")
    assert (graph.nodes, graph.edges) == ((), ())


def nearest(pairs: list[tuple[str, str]], start: str, depth: int) -> dict[str, int]:
    """The depths that a plain breadth-first search gives."""
    depths, level = {start: 0}, {start}
    for step in range(1, depth + 1):
        level = {b for a, b in pairs if a in level} - depths.keys()
        depths |= dict.fromkeys(level, step)
    return {name: at for name, at in depths.items() if at}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from("abcdefg"), st.sampled_from("abcdefg")), min_size=1, max_size=14, unique=True),
    st.integers(1, 5),
)
def test_up_and_down_are_what_a_plain_search_finds(ledger, clock, pairs, depth):
    take_in(ledger, pairs, clock)
    start = pairs[0][0]
    down = found(ledger.lineage.downstream(start, max_depth=depth))
    up = found(ledger.lineage.upstream(start, max_depth=depth))
    assert down == nearest(pairs, start, depth)
    assert up == nearest([(b, a) for a, b in pairs], start, depth)
