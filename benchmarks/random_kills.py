"""`kill -9` of the sync process at random moments of a sync, each followed by a normal run.

After each normal run the destination must equal the source in count and checksum over all columns, hold no row twice,
and the ledger must tell of the killed run what the destination shows. Exits 1 on any violation. `--seed` repeats the
same fractions of a run's duration.
"""

import random
import sys
import time
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.support import child
from benchmarks.support.report import parser, show, write
from benchmarks.support.stage import ENGINES, PIPELINE, Server, Stage, server
from observe_dagster.errors import NotFoundError
from observe_dagster.ledger import Ledger
from observe_dagster.records import RunStatus

MODES = ("append", "upsert")
AFTER_THE_END = 1.1
ROUNDS_PER_TABLE = 4


def main() -> int:
    """Kill, run, compare, print."""
    options = parser(__doc__, "random_kills")
    options.add_argument("--rows", type=int, default=300_000, help="rows of each sync")
    options.add_argument("--kills", type=int, default=20, help="kills for each destination and write mode")
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    options.add_argument("--targets", nargs="+", choices=ENGINES, default=list(ENGINES))
    options.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    options.add_argument("--quick", action="store_true", help="one kill of a small sync, to see that it works")
    chosen = options.parse_args()
    if chosen.quick:
        chosen.rows, chosen.kills, chosen.targets, chosen.modes = 10_000, 1, ["duckdb"], ["upsert"]
    dice, rows = random.Random(chosen.seed), []
    with server() as found:
        for target in chosen.targets:
            for mode in chosen.modes:
                rows += _series(found, target, mode, chosen.rows, chosen.kills, dice)
    show(f"Killed at random moments of a sync of {chosen.rows:,} rows (seed {chosen.seed})", rows)
    write(chosen.json, seed=chosen.seed, rows=chosen.rows, kills=rows)
    bad = [row for row in rows if not row["ok"]]
    fates = {fate: sum(row["killed run"] == fate for row in rows) for fate in sorted({r["killed run"] for r in rows})}
    told = ", ".join(f"{count} {fate}" for fate, count in fates.items())
    print(f"{len(rows)} kills ({told}), {len(bad)} violations.")
    return 1 if bad else 0


def _series(found: Server, target: str, mode: str, size: int, kills: int, dice: random.Random) -> list[dict[str, Any]]:
    with found.stage(target, mode) as stage, Ledger.open(stage.ledger_url) as ledger:
        stage.source("TRUNCATE orders")
        stage.add_rows(1, size)
        lasts = child.run(stage, "measured")["seconds"]
        rows: list[dict[str, Any]] = []
        held = size
        for number in range(1, kills + 1):
            if number % ROUNDS_PER_TABLE == 0:
                stage.source("TRUNCATE orders")
                stage.ask_target("DROP SCHEMA analytics CASCADE")
                held = 0
            held = _prepare(stage, mode, size, held)
            moment = dice.uniform(0, AFTER_THE_END) * lasts
            killed = _kill(stage, f"killed-{number}", moment)
            normal = child.run(stage, f"normal-{number}")
            facts = _judge(stage, ledger, f"killed-{number}", died=killed)
            rows.append(
                {
                    "destination": target,
                    "mode": mode,
                    "first load": "first" if held == size and number % ROUNDS_PER_TABLE == 0 else "",
                    "killed after s": round(moment, 3),
                    "killed run": facts["told"] if killed else "was faster",
                    "rows next": normal["counts"]["total_rows"],
                    "rows held": facts["rows"],
                    "ok": not facts["wrong"],
                    "wrong": "; ".join(facts["wrong"]),
                }
            )
        return rows


def _prepare(stage: Stage, mode: str, size: int, held: int) -> int:
    """Give the next sync its rows: new ones to append, every one changed to upsert."""
    if mode == "append" or held == 0:
        stage.add_rows(held + 1, held + size)
        return held + size
    stage.source("UPDATE orders SET quantity = quantity + 1, updated_at = clock_timestamp()")
    stage.source("VACUUM ANALYZE orders")
    return held


def _kill(stage: Stage, execution_key: str, moment: float) -> bool:
    with child.start(stage, execution_key) as process:
        child.go(process)
        time.sleep(moment)
        process.kill()
        process.communicate()
        return process.returncode != 0


def _judge(stage: Stage, ledger: Ledger, execution_key: str, *, died: bool) -> dict[str, Any]:
    """Everything that must hold after a normal run; `wrong` is empty when it does."""
    runs = stage.ask_target(
        "SELECT execution_key, inserts, watermark FROM analytics._observe_sync_run ORDER BY sequence"
    )
    ((rows, keys),) = stage.ask_target(f"SELECT count(*), count(DISTINCT id) FROM {stage.target_table}")
    leftovers = stage.ask_target(
        "SELECT table_name FROM information_schema.tables WHERE table_name LIKE '_observe_st%'"
    )
    sent, held = stage.fingerprints()
    committed = {key for key, _, _ in runs}
    try:
        told = ledger.executions.by_key(execution_key).status.value
    except NotFoundError:
        told = "not started"
    expected = RunStatus.SUCCESS.value if execution_key in committed else RunStatus.FAILED.value
    watermark = ledger.declared.pipeline(PIPELINE).watermark
    tests = {
        f"the source is {sent}, the destination {held}": sent == held,
        f"{rows - keys} rows are there twice": rows == keys,
        f"the runs inserted {sum(n for _, n, _ in runs)} rows": sum(n for _, n, _ in runs) == rows,
        f"the ledger says {told}, the destination {expected}": told == expected
        or (told == "not started" and died and execution_key not in committed),
        f"the ledger is at {watermark}, the destination at {runs[-1][2]}": watermark == runs[-1][2],
        f"open executions: {len(ledger.executions.open())}": not ledger.executions.open(),
        f"staged tables are left: {leftovers}": not leftovers,
    }
    return {"rows": rows, "told": told, "wrong": [text for text, holds in tests.items() if not holds]}


if __name__ == "__main__":
    sys.exit(main())
