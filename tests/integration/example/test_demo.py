"""The demo, at a pace that fits a test suite."""

import io
import re

import pytest
from rich.console import Console

from observe_dagster.embedded import stop_embedded
from observe_dagster.errors import SettingsError
from observe_dagster.example.demo import run_demo
from observe_dagster.example.places import make_places
from observe_dagster.example.replay import Pace
from observe_dagster.example.source import connect
from observe_dagster.settings import Settings


@pytest.fixture
def settings(tmp_path, monkeypatch):
    for name in (
        *("OBSERVE_NYC_SOURCE_URL", "OBSERVE_NYC_LAKE_PATH", "OBSERVE_NYC_WAREHOUSE_URL"),
        *("OBSERVE_DATABASE_URL", "DAGSTER_HOME"),
    ):
        # Set first, so that what the demo puts there is taken back after the test.
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("OBSERVE_HOME", str(tmp_path / "home"))
    yield Settings.from_environment()
    stop_embedded(tmp_path / "home")


def demo(settings) -> str:
    said = io.StringIO()
    run_demo(
        settings,
        console=Console(file=said, width=80, markup=False, highlight=False, emoji=False),
        pace=Pace(days=2, hourly_days=0),
    )
    return said.getvalue()


@pytest.mark.timeout(600)
def test_the_demo_moves_every_flight_and_every_change_and_can_be_run_again(settings):
    for _ in range(2):
        said = demo(settings)

        assert "DIFFERENT" not in said
        for rows in ("336,776", "336,976"):
            assert (
                len(
                    re.findall(
                        rf"nyc_source: flights +19 +{rows} +([0-9a-f]{{16}}) +\n\S+ +19 +{rows} +\1 +equal", said
                    )
                )
                == 2
            )
        assert re.search(r"flights-hourly +200 +600 +200 +equal", said)
        assert re.search(r"flights-daily +200 +600 +200 +equal", said)
        assert re.search(r"flights-hourly +\d+ +\d{3},\d{3} +336,776 ", said)


def test_a_database_that_only_has_the_same_name_is_not_touched(settings, make_database, postgres_url):
    with connect(postgres_url) as server:
        server.execute("CREATE DATABASE nyc_source")
        try:
            with pytest.raises(SettingsError, match="'nyc_source' that is not the example's"):
                make_places(settings, postgres_url)
            assert server.execute("SELECT count(*) FROM pg_database WHERE datname = 'nyc_source'").fetchone() == (1,)
        finally:
            server.execute("DROP DATABASE nyc_source")
