"""Data diffs beside reladiff: two tables of 1 M × 6 columns in five scenarios, in one database and across databases.

Every measurement is a process of its own, and every answer is checked: a wrong or failed one is printed as such.
reladiff's ways are joindiff in one database and hashdiff across; ours are one FULL JOIN and bucketed checksums. The
servers' memory is not counted. reladiff is asked for the differing keys and statistics, as `observe diff` gives.
"""

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

import psycopg

from benchmarks.support.child import ROOT, peak_mb
from benchmarks.support.report import parser, show, write
from benchmarks.support.stage import server
from observe_dagster.embedded import create_database

COLUMNS = ("customer", "reference", "amount", "paid", "updated_at")
TABLE = """
CREATE TABLE orders (id bigint PRIMARY KEY, customer integer, reference text, amount numeric(12,2), paid boolean,
                     updated_at timestamp)
"""
INSERT = """
INSERT INTO orders SELECT n, mod(n, 9973), 'R-' || md5(n::text), mod(n, 100000) / 7.0, mod(n, 3) = 0,
                          timestamp '2024-01-01' + n * interval '1 second' FROM generate_series(1, {rows}) AS n
"""
CHANGE = "UPDATE orders SET amount = amount + 1 WHERE mod(hashint8(id)::bigint + 2147483648, {of}) < {part}"
SCENARIOS = {
    "identical": None,
    "20 keys": "UPDATE orders SET amount = amount + 1 WHERE mod(id, {rows} / 20) = 7",
    "1 %": CHANGE.format(of=1000, part=10),
    "10 %": CHANGE.format(of=1000, part=100),
    "missing tail": "DELETE FROM orders WHERE id > {rows} * 0.99",
}
WAYS = ("same database", "PostgreSQL to PostgreSQL", "PostgreSQL to DuckDB")


def main() -> int:
    """Measure, print, and judge: every answer of ours is right, and faster than reladiff's."""
    options = parser(__doc__, "diff")
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--scenarios", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    options.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    options.add_argument("--repeat", type=int, default=3, help="the fastest of so many is taken")
    options.add_argument("--quick", action="store_true", help="few rows, once; too small to compare")
    chosen = options.parse_args()
    if chosen.quick:
        chosen.rows, chosen.repeat, chosen.scenarios = 20_000, 1, ["20 keys", "missing tail"]
    rivals = find_spec("reladiff") is not None
    if not rivals:
        print("reladiff is not installed (it belongs to the extra `bench`): only ours is measured.")
    measured: list[dict[str, Any]] = []
    with server() as found:
        source = found.source_url
        for scenario in chosen.scenarios:
            other = create_database(found.url, "other")
            lake = str(found.folder / "other.duckdb")
            expected = _prepare(source, other, lake, SCENARIOS[scenario], chosen.rows)
            places = {"same database": source, "PostgreSQL to PostgreSQL": other, "PostgreSQL to DuckDB": lake}
            for way in chosen.ways:
                told = {"way": way, "a": source, "b": places[way], "rows": chosen.rows}
                ours = _best(told | {"tool": "observe"}, chosen.repeat)
                theirs = _best(told | {"tool": "reladiff"}, chosen.repeat) if rivals else None
                measured.append(_row(scenario, way, expected, ours, theirs))
                show(f"{scenario}, {way}", measured[-1:])
            with psycopg.connect(found.url, autocommit=True) as driver:
                driver.execute("DROP DATABASE other WITH (FORCE)")
            Path(lake).unlink()
    show(f"Data diffs of {chosen.rows:,} rows x {len(COLUMNS) + 1} columns", measured)
    write(chosen.json, rows=chosen.rows, measured=measured)
    faster = chosen.quick or not rivals or all(row["times faster"] > 1 for row in measured)
    return 0 if faster and all(row["right"] for row in measured) else 1


def _prepare(source: str, other: str, lake: str, change: str | None, rows: int) -> int:
    """Fill `orders` and `orders_b` in the source, and copies of the latter elsewhere; return how many rows differ."""
    with psycopg.connect(source, autocommit=True) as driver:
        driver.execute("DROP TABLE IF EXISTS orders, orders_b")
        driver.execute(TABLE.encode())
        driver.execute(INSERT.format(rows=rows).encode())
        driver.execute("CREATE TABLE orders_b (LIKE orders INCLUDING ALL)")
        driver.execute("INSERT INTO orders_b SELECT * FROM orders")
        changed = 0
        if change is not None:
            changed = driver.execute(change.format(rows=rows).replace(" orders ", " orders_b ").encode()).rowcount
        # vacuumed so that neither tool pays for the preparation
        driver.execute("VACUUM FULL ANALYZE orders_b")
        driver.execute("VACUUM ANALYZE orders")
        with psycopg.connect(other, autocommit=True) as target:
            target.execute(TABLE.encode())
            with (
                driver.cursor().copy("COPY orders_b TO STDOUT (FORMAT BINARY)") as out,
                target.cursor().copy("COPY orders FROM STDIN (FORMAT BINARY)") as into,
            ):
                for block in out:
                    into.write(block)
            target.execute("ALTER TABLE orders RENAME TO orders_b")
            target.execute("VACUUM ANALYZE orders_b")
        _into_duckdb(driver, lake)
        driver.execute("CHECKPOINT")
    return changed


def _into_duckdb(driver: "psycopg.Connection[Any]", lake: str) -> None:
    import duckdb

    csv = Path(lake).with_suffix(".csv")
    with csv.open("wb") as file, driver.cursor().copy("COPY orders_b TO STDOUT (FORMAT CSV)") as out:
        for block in out:
            file.write(block)
    types = ("BIGINT", "INTEGER", "VARCHAR", "DECIMAL(12,2)", "BOOLEAN", "TIMESTAMP")
    columns = ", ".join(f"{name} {kind}" for name, kind in zip(("id", *COLUMNS), types, strict=True))
    with duckdb.connect(lake) as target:
        target.execute(f"CREATE TABLE orders_b ({columns}, PRIMARY KEY (id))")
        target.execute(f"COPY orders_b FROM '{csv}' (FORMAT CSV)")
    csv.unlink()


def _best(told: dict[str, Any], repeat: int) -> dict[str, Any]:
    answers = [_child(told) for _ in range(repeat)]
    return min(answers, key=lambda answer: answer["seconds"])


def _child(told: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.diff", "--child", json.dumps(told)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        return {"seconds": float("inf"), "peak_mb": float("inf"), "different": -1}
    return json.loads(done.stdout.splitlines()[-1])


def _row(scenario: str, way: str, expected: int, ours: dict[str, Any], theirs: dict[str, Any] | None) -> dict[str, Any]:
    row = {
        "scenario": scenario,
        "way": way,
        "observe s": round(ours["seconds"], 2),
        "observe MB": round(ours["peak_mb"], 0),
        "right": ours["different"] == expected,
    }
    if theirs is None:
        return row
    return row | {
        "reladiff s": round(theirs["seconds"], 2),
        "reladiff MB": round(theirs["peak_mb"], 0),
        "reladiff right": theirs["different"] == expected,
        "times faster": round(theirs["seconds"] / ours["seconds"], 1),
        "memory ratio": round(ours["peak_mb"] / theirs["peak_mb"], 2),
    }


def _observe(told: dict[str, Any]) -> int:
    from datetime import UTC, datetime

    from observe_dagster.config.models.connections.duckdb import DuckDBConnection
    from observe_dagster.config.models.connections.postgres import PostgresConnection
    from observe_dagster.config.models.diff import DataDiffConfig
    from observe_dagster.config.project import Project
    from observe_dagster.monitoring.diff.compare import diff

    def connection(name: str, place: str) -> Any:
        if place.startswith("postgresql:"):
            return PostgresConnection.model_validate(
                {"id": name, "name": name, "service_provider": "postgres", "config": {"url": place}}
            )
        return DuckDBConnection.model_validate(
            {"id": name, "name": name, "service_provider": "duckdb", "config": {"path": place}}
        )

    project = Project(connections=(connection("a", told["a"]), connection("b", told["b"])))
    config = DataDiffConfig.model_validate(
        {
            "primary_key": ["id"],
            "dataset_a": {"connection_id": "a", "table": "orders"},
            "dataset_b": {"connection_id": "b", "table": "orders_b"},
        }
    )
    return diff(project, config, now=datetime.now(UTC)).summary.different_rows


def _reladiff(told: dict[str, Any]) -> int:
    import reladiff  # pyright: ignore[reportMissingImports]
    from psycopg import conninfo

    def place(url: str) -> Any:
        if not url.startswith("postgresql:"):
            return {"driver": "duckdb", "filepath": url}
        parts = conninfo.conninfo_to_dict(url)
        parts["database"] = parts.pop("dbname")
        return {"driver": "postgresql", **parts}

    same = told["way"] == "same database"
    a = reladiff.connect_to_table(place(told["a"]), "orders", "id", thread_count=2)
    b = reladiff.connect_to_table(place(told["b"]), "orders_b", "id", thread_count=2)
    found = reladiff.diff_tables(
        a,
        b,
        extra_columns=COLUMNS,
        algorithm=reladiff.Algorithm.JOINDIFF if same else reladiff.Algorithm.HASHDIFF,
        skip_sort_results=True,
    )
    return len({key[0] for _, key in found})


def child(told: dict[str, Any]) -> None:
    """Be one measurement."""
    began = time.monotonic()
    different = {"observe": _observe, "reladiff": _reladiff}[told["tool"]](told)
    print(json.dumps({"seconds": time.monotonic() - began, "peak_mb": peak_mb(), "different": different}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(json.loads(sys.argv[2]))
    else:
        sys.exit(main())
