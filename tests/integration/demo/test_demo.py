"""The demo, at a pace that fits a test suite."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from rich.console import Console

from observe_dagster.demo.databases import make_places
from observe_dagster.demo.demo import run_demo
from observe_dagster.demo.source import connect
from observe_dagster.demo.timeline import Pace
from observe_dagster.embedded import start_embedded, stop_embedded
from observe_dagster.errors import SettingsError
from observe_dagster.ledger import Ledger, NewPublication, migrate
from observe_dagster.redaction import MASK
from observe_dagster.settings import Settings


@pytest.fixture
def settings(monkeypatch):
    for name in (
        *("OBSERVE_NYC_SOURCE_URL", "OBSERVE_NYC_LAKE_PATH", "OBSERVE_NYC_WAREHOUSE_URL"),
        *("OBSERVE_DATABASE_URL", "DAGSTER_HOME"),
    ):
        # Set first, so that what the demo puts there is taken back after the test.
        monkeypatch.setenv(name, "")
    # Not tmp_path: another pytest that starts as root closes that folder to the server's user.
    with tempfile.TemporaryDirectory(prefix="observe-demo-") as folder:
        monkeypatch.setenv("OBSERVE_HOME", folder)
        yield Settings.from_environment()
        stop_embedded(Path(folder))


def demo(settings, pace: Pace) -> str:
    said = io.StringIO()
    console = Console(file=said, width=200, markup=False, highlight=False, emoji=False)
    try:
        run_demo(settings, console=console, pace=pace)
    finally:
        print(said.getvalue())
    return said.getvalue()


def moves_everything(said: str) -> None:
    assert "DIFFERENT" not in said
    for rows in ("336,776", "336,976"):
        same = rf"nyc_source: flights +19 +{rows} +([0-9a-f]{{16}}) +\n\S+ +19 +{rows} +\1 +equal"
        assert len(re.findall(same, said)) == 2
    assert re.search(r"flights-hourly +200 +600 +200 +equal", said)
    assert re.search(r"flights-daily +200 +600 +200 +equal", said)
    assert re.search(r"False alarms: none\. Messages about anything else: none\.", said)


def tells_the_neighbours(said: str, requests: Path) -> None:
    told = {"sql_content": ("datascale", 16), **dict.fromkeys(MONTE_CARLO_KINDS, ("monte_carlo", 8))}
    for kind, (system, count) in told.items():
        assert re.search(rf"^{system} +{kind} +{count} +\{{", said, re.MULTILINE)
    sent = [json.loads(path.read_text()) for path in requests.glob("monte_carlo/*.json")]
    assert {each["body"]["event_type"] for each in sent} == {"METADATA", "LINEAGE", "COLUMN_LINEAGE"}
    assert {each["headers"]["x-mcd-token"] for each in sent} == {MASK}


@contextmanager
def open_ledger() -> Iterator[Ledger]:
    ledger = Ledger.open(os.environ["OBSERVE_DATABASE_URL"])
    try:
        yield ledger
    finally:
        ledger.close()


MONTE_CARLO_KINDS = ("table_metadata", "table_lineage", "column_lineage")
FAULTS = {
    "half the rows": "warehouse/analytics/flights: anomaly_total_rows",
    "triple rows": "lake/analytics/weather: anomaly_inserts",
    "late run": "lake/reports/carrier_delays: timeliness",
    "stalled pipeline": "warehouse/reports/airport_traffic: freshness",
    "dropped column": "lake/analytics/airports: airports_columns",
    "5 changed rows": "lake/analytics/planes: planes_are_the_same",
    "zero rows": "lake/analytics/flights: anomaly_total_rows",
}


@pytest.mark.timeout(600)
def test_the_demo_moves_everything_finds_every_fault_once_and_can_be_run_again(settings):
    said = demo(settings, Pace(days=2, hourly_days=0, fault_days=None))

    moves_everything(said)
    tells_the_neighbours(said, settings.home / "example" / "requests")
    with open_ledger() as ledger:
        names = {"publisher": "monte_carlo", "kind": "query_log", "ordering_key": "query/of/others"}
        ledger.outbox.enqueue(NewPublication(**names, record={}), now=datetime.now(UTC))

    said = demo(settings, Pace(days=10, hourly_days=2, fault_days=1))

    moves_everything(said)
    assert "Other publications are pending in this ledger, so none were made" in said
    with open_ledger() as ledger:
        assert ledger.outbox.counts("monte_carlo") == {"pending": 1}
    for fault, check in FAULTS.items():
        assert re.search(rf"^{fault} +[0-9-]{{5}} [0-9:]{{5}} +{check} +none +1 +1 *$", said, re.MULTILINE)
    assert "airports_columns: The columns of analytics.airports changed: tzone (VARCHAR) was removed." in said
    assert "planes_are_the_same: 5 of 3322 rows differ" in said


def test_a_database_that_only_has_the_same_name_is_not_touched(settings, make_database, postgres_url):
    with connect(postgres_url) as server:
        server.execute("CREATE DATABASE nyc_source")
        try:
            with pytest.raises(SettingsError, match="'nyc_source' that is not the example's"):
                make_places(settings, postgres_url)
            assert server.execute("SELECT count(*) FROM pg_database WHERE datname = 'nyc_source'").fetchone() == (1,)
        finally:
            server.execute("DROP DATABASE nyc_source")


def test_ctrl_c_in_the_middle_of_a_run_ends_quietly_and_leaves_it_stopped(settings):
    url = start_embedded(settings.home)
    migrate(url)
    interruptible = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    script = interruptible + "from observe_dagster.cli import main; main(['demo', '--no-ui'])"
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with psycopg.connect(url, autocommit=True) as ledger:
        running = "SELECT count(*) FROM observe.pipeline_execution WHERE status = 'running'"
        while ledger.execute(running).fetchone() == (0,):
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)  # another process's row cannot be awaited
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)

        assert (process.returncode, said.strip()) == (130, "")
        assert ledger.execute(running).fetchone() == (0,)
