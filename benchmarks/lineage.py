"""Lineage: how long SQL takes to be followed to columns, and how long the ledger takes to walk a large graph.

The queries are all of TPC-DS and TPC-H. The graph has 100 000 edges between 20 000 tables, at random, so that it is
full of circles and of ways that meet again; it is walked from tables of it up and down, 10 edges deep and 99.
"""

import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

import sqlalchemy as sa

from benchmarks.support.report import parser, show, write
from benchmarks.support.tpc import DIALECT, tpc_queries
from observe_dagster.embedded import create_database, start_embedded, stop_embedded
from observe_dagster.ledger import Ledger, migrate
from observe_dagster.lineage import query_lineage

_GRAPH = """
INSERT INTO observe.script (name, platform, content, extra_config) VALUES ('generated', 'postgres', '', '{}');
INSERT INTO observe.address_type (name, group_name) VALUES ('postgres', 'database');
INSERT INTO observe.address (name, address_type_id)
    SELECT 'db.public.t' || n, t.id FROM generate_series(1, :tables) n, observe.address_type t;
INSERT INTO observe.address_column (address_id, name) SELECT id, 'c' FROM observe.address;
SELECT setseed(0.5);
INSERT INTO observe.address_lineage (script_id, source_address_id, target_address_id)
    SELECT DISTINCT s.id, 1 + floor(random() * :tables)::int, 1 + floor(random() * :tables)::int
    FROM generate_series(1, :edges * 101 / 100) n, observe.script s LIMIT :edges;
INSERT INTO observe.column_lineage (address_lineage_id, source_column_id, target_column_id)
    SELECT e.id, s.id, t.id FROM observe.address_lineage e
    JOIN observe.address_column s ON s.address_id = e.source_address_id
    JOIN observe.address_column t ON t.address_id = e.target_address_id;
"""


def main() -> int:
    """Measure, print, write."""
    options = parser(__doc__, "lineage")
    options.add_argument("--tables", type=int, default=20_000)
    options.add_argument("--edges", type=int, default=100_000)
    options.add_argument("--quick", action="store_true", help="a small one, to see that it works")
    chosen = options.parse_args()
    tables, edges, repeats = (200, 1000, 1) if chosen.quick else (chosen.tables, chosen.edges, 5)
    walks = list(_walks(tables, edges, repeats))
    show(f"Walking a ledger of {edges:,} edges between {tables:,} tables", walks)
    try:
        queries = list(_queries(every=10 if chosen.quick else 1))
    except RuntimeError as error:
        print(f"TPC-DS and TPC-H are left out: {error}")
        write(chosen.json, tables=tables, edges=edges, walks=walks)
        return 0
    show("Following SQL to columns, each query", queries)
    totals = [_summary(name, [row for row in queries if row["query"].startswith(name)]) for name in ("tpc-ds", "tpc-h")]
    show("Following SQL to columns", totals)
    write(chosen.json, tables=tables, edges=edges, walks=walks, summary=totals, queries=queries)
    return 0


def _walks(tables: int, edges: int, repeats: int) -> Iterator[dict[str, Any]]:
    with TemporaryDirectory(prefix="observe-lineage-") as folder:
        url = create_database(start_embedded(Path(folder)), "lineage")
        try:
            migrate(url)
            with Ledger.open(url) as ledger:
                with ledger.engine.begin() as db:
                    for statement in filter(str.strip, _GRAPH.split(";")):
                        named = {
                            name: value
                            for name, value in (("tables", tables), ("edges", edges))
                            if f":{name}" in statement
                        }
                        db.execute(sa.text(statement), named)
                with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
                    db.execute(sa.text("ANALYZE"))
                for path in ("db.public.t7", "db.public.t7.c"):
                    for direction in ("upstream", "downstream"):
                        for depth in (3, 10, 99):
                            yield _walked(ledger, path, direction, depth, repeats)
        finally:
            stop_embedded(Path(folder))


def _walked(ledger: Ledger, path: str, direction: Any, depth: int, repeats: int) -> dict[str, Any]:
    seconds: list[float] = []
    for _ in range(repeats):
        began = time.perf_counter()
        graph = ledger.lineage.explore(path, direction, max_depth=depth)
        seconds.append(time.perf_counter() - began)
    found = {"nodes": len(graph.nodes), "edges": len(graph.edges)}
    return {"from": path, "direction": direction, "max_depth": depth, **found, "seconds": statistics.median(seconds)}


def _queries(*, every: int) -> Iterator[dict[str, Any]]:
    for query in list(tpc_queries())[::every]:
        began = time.perf_counter()
        lineage = query_lineage(query.sql, DIALECT, schema=query.schema)
        seconds = time.perf_counter() - began
        sources = sum(len(output.sources) for output in lineage.outputs)
        outputs = {"outputs": len(lineage.outputs), "sources": sources, "unresolved": len(lineage.unresolved)}
        yield {"query": str(query), **outputs, "milliseconds": seconds * 1000}


def _summary(name: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    times = sorted(row["milliseconds"] for row in rows)
    spread = {"median_ms": statistics.median(times), "p95_ms": times[int(len(times) * 0.95)], "max_ms": times[-1]}
    counts = {key: sum(row[key] for row in rows) for key in ("outputs", "unresolved")}
    return {"benchmark": name, "queries": len(rows), **counts, **spread, "total_ms": sum(times)}


if __name__ == "__main__":
    sys.exit(main())
