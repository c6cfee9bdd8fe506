"""Peak memory of a sync as the table grows: first load, and an upsert of every row, to both engines.

Each measurement is a process of its own; PostgreSQL's server is not counted. Exits 1 if the peak of the largest table
is more than 20 % above that of the smallest.
"""

import sys
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.support import child
from benchmarks.support.report import parser, show, write
from benchmarks.support.stage import ENGINES, Server, server

ALLOWED = 1.2


def main() -> int:
    """Measure, print, and judge."""
    options = parser(__doc__, "memory")
    options.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 4_000_000], help="sizes of the table")
    options.add_argument("--targets", nargs="+", choices=ENGINES, default=list(ENGINES))
    options.add_argument("--quick", action="store_true", help="small tables, to see that it works; nothing is judged")
    chosen = options.parse_args()
    if chosen.quick:
        chosen.rows, chosen.targets = [5_000, 10_000], ["duckdb"]
    with server() as found:
        measured = [row for size in sorted(chosen.rows) for row in _size(found, size, chosen.targets)]
    ratios = _ratios(measured)
    show("Peak memory of a sync", measured)
    show("Growth from the smallest table to the largest", ratios)
    write(chosen.json, measured=measured, ratios=ratios)
    return 0 if chosen.quick or all(row["ok"] for row in ratios) else 1


def _size(found: Server, size: int, targets: list[str]) -> list[dict[str, Any]]:
    measured: list[dict[str, Any]] = []
    for target in targets:
        with found.stage(target, "upsert") as stage:
            stage.source("TRUNCATE orders")
            stage.add_rows(1, size)
            measured.append(_row("first load", target, size, child.run(stage, "first")))
            stage.source("UPDATE orders SET quantity = quantity + 1, updated_at = clock_timestamp()")
            stage.source("VACUUM ANALYZE orders")
            stage.source("CHECKPOINT")
            measured.append(_row("upsert of all", target, size, child.run(stage, "second")))
            sent, held = stage.fingerprints()
            if sent != held:
                raise SystemExit(f"{target}: the destination is not the source: {sent} {held}")
    return measured


def _row(what: str, target: str, size: int, told: dict[str, Any]) -> dict[str, Any]:
    if told["counts"]["total_rows"] != size:
        raise SystemExit(f"{target}: {told['counts']['total_rows']} rows were read, not {size}")
    return {
        "destination": target,
        "sync": what,
        "rows": size,
        "seconds": round(told["seconds"], 2),
        "rows/s": round(size / told["seconds"]),
        "peak MB": round(told["peak_mb"]),
        "of which before": round(told["before_mb"]),
    }


def _ratios(measured: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in measured:
        found.setdefault((row["destination"], row["sync"]), []).append(row)
    return [
        {
            "destination": target,
            "sync": what,
            "smallest MB": rows[0]["peak MB"],
            "largest MB": rows[-1]["peak MB"],
            "ratio": round(rows[-1]["peak MB"] / rows[0]["peak MB"], 3),
            "ok": rows[-1]["peak MB"] <= ALLOWED * rows[0]["peak MB"],
        }
        for (target, what), rows in found.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
