"""What importing the package costs beyond importing Dagster, which a code location has imported anyway.

Each import is a process of its own; the kinds take turns. `observe_dagster` is the package as a user's own definitions
import it; `… with a builder` has one of its builders looked up, which loads what makes assets and checks;
`observe_dagster.definitions` is the whole code location before anything is built.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.support.child import ROOT
from benchmarks.support.report import parser, show, write

KINDS = {
    "dagster alone": "pass",
    "observe_dagster": "import observe_dagster",
    "observe_dagster with a builder": "from observe_dagster import build_definitions",
    "observe_dagster.definitions": "import observe_dagster.definitions",
}
PROGRAM = """
import json, sys, time
began = time.perf_counter()
import dagster
between, modules = time.perf_counter(), len(sys.modules)
{statement}
ended = time.perf_counter()
heavy = [name for name in ("pandas", "numpy", "scipy", "pyarrow", "duckdb", "sqlalchemy", "psycopg", "httpx", "sqlglot")
         if name in sys.modules]
print(json.dumps(dict(dagster=between - began, ours=ended - between, modules=len(sys.modules) - modules, heavy=heavy)))
"""


def main() -> int:
    """Import in turns, print."""
    options = parser(__doc__, "imports")
    options.add_argument("--repeat", type=int, default=15)
    options.add_argument("--quick", action="store_true", help="once, to see that it works")
    chosen = options.parse_args()
    rounds = 1 if chosen.quick else chosen.repeat
    told: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    for kind in KINDS:
        _import(kind)  # so that none of them compiles
    for _ in range(rounds):
        for kind in KINDS:
            told[kind].append(_import(kind))
    measured = [_row(kind, runs) for kind, runs in told.items()]
    show("Import time", measured)
    write(chosen.json, repeat=rounds, measured=measured)
    return 0


def _import(kind: str) -> dict[str, Any]:
    program = PROGRAM.format(statement=KINDS[kind])
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _row(kind: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    ours = [run["ours"] * 1000 for run in runs]
    dagster = statistics.median(run["dagster"] * 1000 for run in runs)
    return {
        "import": kind,
        "dagster ms": dagster,
        "beyond it ms": statistics.median(ours),
        "least": min(ours),
        "most": max(ours),
        "beyond it %": 100 * statistics.median(ours) / dagster,
        "modules": runs[0]["modules"],
        "heavy ones": ", ".join(runs[0]["heavy"]),
    }


if __name__ == "__main__":
    sys.exit(main())
