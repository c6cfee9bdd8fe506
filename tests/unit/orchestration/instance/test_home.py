"""Dagster's home and storage."""

from importlib.resources import files

import pytest
from dagster._serdes import ConfigurableClassData

from observe_dagster.errors import SettingsError
from observe_dagster.orchestration.instance.home import prepare_dagster_home
from observe_dagster.orchestration.instance.storage import PostgresFromEnvironment
from observe_dagster.settings import Settings
from tests.paths import ROOT

DATA, DATA_OF_VERSION_0_1 = (
    ConfigurableClassData(module, "PostgresFromEnvironment", "url_env: OBSERVE_DATABASE_URL")
    for module in ("observe_dagster.orchestration.instance.storage", "observe_dagster.orchestration.storage")
)


def test_the_repository_s_dagster_yaml_is_the_packaged_one():
    packaged = files("observe_dagster.orchestration").joinpath("dagster.yaml")

    assert (ROOT / "dagster.yaml").read_text() == packaged.read_text()


def test_a_home_is_made_once_and_brought_up_to_date(tmp_path):
    settings = Settings(home=tmp_path / "observe", defs=tmp_path)
    home = prepare_dagster_home(settings)
    written = (home / "dagster.yaml").read_text()
    (home / "dagster.yaml").write_text("telemetry: {enabled: true}")

    assert prepare_dagster_home(settings) == home == tmp_path / "observe" / "dagster"
    assert (home / "dagster.yaml").read_text() == written


@pytest.mark.parametrize("data", [DATA, DATA_OF_VERSION_0_1], ids=["now", "as in version 0.1"])
def test_the_storage_uses_the_driver_that_comes_with_dagster_postgres(monkeypatch, database, data):
    monkeypatch.setenv("OBSERVE_DATABASE_URL", database)

    storage = data.rehydrate(as_type=object)

    assert storage.postgres_url == database.replace("postgresql://", "postgresql+psycopg2://")
    assert storage.inst_data == data
    assert storage.run_storage.get_runs_count() == 0


def test_without_its_variable_the_storage_says_what_to_set(monkeypatch):
    monkeypatch.delenv("OBSERVE_DATABASE_URL", raising=False)

    with pytest.raises(SettingsError, match="OBSERVE_DATABASE_URL is not set"):
        PostgresFromEnvironment.from_config_value(DATA, {"url_env": "OBSERVE_DATABASE_URL"})
