"""Judging every pipeline at once: freshness, timeliness and anomalies of 10 000 pipelines with 2 M runs.

60 days of hourly runs of 10 000 pipelines would be 14.4 M rows; by default every seventh hour or so is kept, 2 M rows,
which `generate_series` writes. Each judging is a process of its own, so that its memory can be told. Beside it stands
the loop of one query per pipeline, measured on 300 pipelines and scaled to all. PostgreSQL's server is not counted.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

import sqlalchemy as sa

from benchmarks.support.child import peak_mb
from benchmarks.support.report import parser, show, write
from observe_dagster.config import Project
from observe_dagster.embedded import create_database, start_embedded, stop_embedded
from observe_dagster.ledger import Ledger, migrate
from observe_dagster.monitoring.anomalies import judge_executions
from observe_dagster.monitoring.timing import judge_timing
from observe_dagster.records import CheckResult

DAYS = 60
NOW = datetime(2024, 3, 1, 12, 30, tzinfo=UTC)
METRICS = ("total_rows", "duration_seconds")
ROOT = Path(__file__).parents[1]


def main() -> int:
    """Generate, measure, print."""
    options = parser(__doc__, "checks")
    options.add_argument("--pipelines", type=int, default=10_000)
    options.add_argument("--executions", type=int, default=2_000_000)
    options.add_argument("--sample", type=int, default=300, help="pipelines that the naive loop judges")
    options.add_argument("--quick", action="store_true", help="a small one, to see that it works")
    options.add_argument("--child", help="judge this much, in a process of its own")
    chosen = options.parse_args()
    if chosen.child:
        return _child(json.loads(chosen.child))
    if chosen.quick:
        chosen.pipelines, chosen.executions, chosen.sample = 100, 20_000, 20
    with _ledger_url() as url:
        began = time.monotonic()
        runs = _generate(url, chosen.pipelines, chosen.executions)
        print(f"{runs:,} runs of {chosen.pipelines:,} pipelines were generated in {time.monotonic() - began:.0f} s")
        rows = list(_measure(url, chosen.pipelines, min(chosen.sample, chosen.pipelines)))
    show("Judging all pipelines", rows)
    write(chosen.json, pipelines=chosen.pipelines, executions=runs, days=DAYS, sample=chosen.sample, measured=rows)
    return 0


def _measure(url: str, pipelines: int, sample: int) -> Generator[dict[str, Any]]:
    for judged in _JUDGES:
        bulk = _start({"url": url, "judged": judged, "sample": None})
        naive = _start({"url": url, "judged": judged, "sample": sample})
        scale = pipelines / sample
        yield _row(f"{judged}: in bulk", bulk, 1.0)
        yield _row(f"{judged}: a query per pipeline (scaled from {sample})", naive, scale)
        yield {
            "judging": f"{judged}: ratio",
            "pipelines": pipelines,
            "results": "",
            "queries": round(naive["queries"] * scale / bulk["queries"]),
            "seconds": round(naive["seconds"] * scale / bulk["seconds"], 1),
            "peak MB": "",
        }


def _row(name: str, told: dict[str, Any], scale: float) -> dict[str, Any]:
    return {
        "judging": name,
        "pipelines": round(told["pipelines"] * scale),
        "results": round(told["results"] * scale),
        "queries": round(told["queries"] * scale),
        "seconds": round(told["seconds"] * scale, 2),
        "peak MB": round(told["peak_mb"]),
    }


def _start(told: dict[str, Any]) -> dict[str, Any]:
    """Judge in a new process."""
    command = [sys.executable, "-m", "benchmarks.checks", "--child", json.dumps(told)]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def _child(told: dict[str, Any]) -> int:
    """Judge everything in bulk, or a sample with one query for each pipeline, and print what it took."""
    import numpy as np  # noqa: F401 (only judging is measured)

    judge = _JUDGES[told["judged"]]
    with Ledger.open(told["url"]) as ledger:
        slugs = _slugs(ledger)
        asked: list[str] = []
        sa.event.listen(ledger.engine, "before_cursor_execute", lambda *call: asked.append(str(call[2])))
        streamed = told["judged"] != "standing"
        began = time.monotonic()
        if told["sample"] is None:
            results, calls = judge(Project(), ledger, now=NOW), 1
        else:
            results, calls = _naive(judge, ledger, slugs[: told["sample"]]), told["sample"]
        seconds = time.monotonic() - began
    queries = len(asked) + (calls if streamed else 0)
    count = len(slugs) if told["sample"] is None else told["sample"]
    figures = {"pipelines": count, "results": len(results), "queries": queries, "seconds": seconds}
    print(json.dumps({**figures, "peak_mb": peak_mb()}))
    return 0


def _naive(judge: Callable[..., list[Any]], ledger: Ledger, slugs: Sequence[str]) -> list[Any]:
    return [result for slug in slugs for result in judge(Project(), ledger, now=NOW, pipeline_ids=[slug])]


def _latest(project: Project, ledger: Ledger, **chosen: Any) -> list[CheckResult]:
    return judge_executions(project, ledger, latest=True, **chosen)


def _read(project: Project, ledger: Ledger, **chosen: Any) -> list[str]:
    """Read what the latest runs are judged by, and judge nothing."""
    del project
    with ledger.checks.anomaly_cases(latest=True, **chosen) as cases:
        return [case.pipeline_id for case in cases]


_JUDGES: dict[str, Callable[..., list[Any]]] = {
    "standing": judge_timing,
    "executions": _latest,
    "executions, only reading": _read,
}


def _slugs(ledger: Ledger) -> list[str]:
    with ledger.engine.begin() as db:
        return list(db.execute(sa.text("SELECT pipeline_id FROM observe.pipeline ORDER BY md5(pipeline_id)")).scalars())


@contextmanager
def _ledger_url() -> Generator[str]:
    with TemporaryDirectory(prefix="observe-benchmark-") as folder:
        server = start_embedded(Path(folder), options={"fsync": "off", "synchronous_commit": "off"})
        try:
            url = create_database(server, "ledger")
            migrate(url)
            yield url
        finally:
            stop_embedded(Path(folder))


def _generate(url: str, pipelines: int, executions: int) -> int:
    """Write the pipelines, two rules for each, and their runs: the last 60 days, thinned evenly."""
    step = timedelta(days=DAYS) * pipelines / executions
    given = {"pipelines": pipelines, "now": NOW, "since": NOW - timedelta(days=DAYS), "step": step}
    with Ledger.open(url) as ledger:
        with ledger.engine.begin() as db:
            for statement in _STATEMENTS:
                db.execute(sa.text(statement), given)
            for metric in METRICS:
                db.execute(sa.text(_RULES), {"metric": metric})
        with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
            db.execute(sa.text("VACUUM ANALYZE"))
            return db.execute(sa.text("SELECT count(*) FROM observe.pipeline_execution")).scalar_one()


_STATEMENTS = (
    """INSERT INTO observe.pipeline (pipeline_id, name, managed, state, config, content_hash, created_at,
           last_target_insert, freshness_number, freshness_datepart, timeliness_number, timeliness_datepart)
       SELECT 'team/table_' || n, 'Table ' || n, false, 'active', '{}', '', :since, :now - interval '1 hour' * (n % 30),
              24, 'hour', 10, 'minute'
       FROM generate_series(1, :pipelines) n""",
    """INSERT INTO observe.pipeline_execution (pipeline_pk, execution_key, type, status, logical_date, start_date,
           date_recorded, hour_recorded, end_date, duration_seconds, completed_successfully, inserts, updates,
           unchanged, soft_deletes, rejected, superseded, late, total_rows, bytes, throughput,
           timeliness_judged_at, anomaly_judged_at)
       SELECT p.id, p.id || '/' || extract(epoch FROM at), 'scheduled', 'success', at, at, at::date,
              extract(hour FROM at), at + make_interval(secs => took), took, true, counted, 0, 0, 0, 0, 0, 0, counted,
              counted * 100, counted / took, at + interval '1 hour', at + interval '1 hour'
       FROM observe.pipeline p
       CROSS JOIN LATERAL (
           SELECT at, 30 + 60 * random() AS took,
                  (1000 + 300 * sin(extract(hour FROM at) / 3.8) + 100 * random() + p.id % 7)::bigint AS counted
           FROM generate_series(:since + make_interval(mins => (p.id % 60)::int), :now - interval '1 hour', :step) at
       ) run
       ORDER BY run.at""",
    """UPDATE observe.pipeline_execution SET timeliness_judged_at = NULL, anomaly_judged_at = NULL
       WHERE start_date >= :now - interval '12 hours'""",
    """INSERT INTO observe.pipeline_execution (pipeline_pk, execution_key, type, status, logical_date, start_date,
           date_recorded, hour_recorded)
       SELECT id, 'open/' || id, 'scheduled', 'running', :now, :now - interval '1 minute' * (id % 17), '2024-03-01', 12
       FROM observe.pipeline WHERE id % 20 = 0""",
)
_RULES = """INSERT INTO observe.anomaly_detection_rule
    (pipeline_pk, metric_field, method, z_threshold, lookback_days, minimum_executions)
    SELECT id, :metric, 'robust', 3.5, 30, 8 FROM observe.pipeline"""


if __name__ == "__main__":
    sys.exit(main())
