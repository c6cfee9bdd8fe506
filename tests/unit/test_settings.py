"""What is read from the environment, and what is refused."""

from pathlib import Path

import pytest
from inline_snapshot import snapshot

from observe_dagster.errors import SettingsError
from observe_dagster.settings import PACKAGE_DEFS, Settings


def test_an_empty_environment_has_defaults() -> None:
    settings = Settings.from_environment({})
    assert (settings.home, settings.defs) == (Path(".observe").absolute(), PACKAGE_DEFS)
    assert settings.database_url is None
    assert (settings.sync_attempts, settings.retry_wait_seconds) == (3, 2.0)
    assert (settings.lock_wait_seconds, settings.batch_rows) == (300.0, 65_536)


def test_a_variable_that_is_set_to_nothing_is_not_set() -> None:
    empty = dict.fromkeys(("OBSERVE_HOME", "OBSERVE_DEFS", "OBSERVE_DATABASE_URL", "OBSERVE_BATCH_ROWS"), "")
    assert Settings.from_environment(empty) == Settings.from_environment({})


def test_every_variable_is_read() -> None:
    settings = Settings.from_environment(
        {
            "OBSERVE_HOME": "/srv/observe",
            "OBSERVE_DEFS": "/srv/defs",
            "OBSERVE_DATABASE_URL": "postgresql://u@db:5432/observe",
            "OBSERVE_SYNC_ATTEMPTS": "5",
            "OBSERVE_RETRY_WAIT_SECONDS": "0.5",
            "OBSERVE_LOCK_WAIT_SECONDS": "0",
            "OBSERVE_BATCH_ROWS": "1000",
            "OBSERVE_UI_URL": "https://dagster.example/",
            "OBSERVE_RETENTION_DAYS": "90",
        }
    )
    assert settings == Settings(
        home=Path("/srv/observe"),
        defs=Path("/srv/defs"),
        database_url="postgresql://u@db:5432/observe",
        sync_attempts=5,
        retry_wait_seconds=0.5,
        lock_wait_seconds=0.0,
        batch_rows=1000,
        ui_url="https://dagster.example",
        retention_days=90,
    )


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_every_spelling_of_postgresql_is_one(scheme: str) -> None:
    settings = Settings.from_environment({"OBSERVE_DATABASE_URL": f"{scheme}://u:p@db/observe"})
    assert settings.database_url == "postgresql://u:p@db/observe"


def test_the_database_url_does_not_show_in_the_repr() -> None:
    settings = Settings.from_environment({"OBSERVE_DATABASE_URL": "postgresql://u:open-sesame@db/observe"})
    assert "open-sesame" not in repr(settings)


@pytest.mark.parametrize("url", ["sqlite:///open-sesame.db", "mysql://u:open-sesame@db/x", "postgresql:open-sesame"])
def test_another_database_is_refused_without_showing_the_url(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({"OBSERVE_DATABASE_URL": url})
    assert str(refused.value) == snapshot(
        "OBSERVE_DATABASE_URL must be a PostgreSQL URL such as postgresql://user@host:5432/observe."
    )


def test_the_address_of_the_ui_is_a_web_address() -> None:
    with pytest.raises(SettingsError, match="OBSERVE_UI_URL must be the address of the Dagster UI"):
        Settings.from_environment({"OBSERVE_UI_URL": "dagster.example"})


@pytest.mark.parametrize("text", ["no", "-1", "nan", "inf", "0", "2.5"])
@pytest.mark.parametrize("name", ["OBSERVE_SYNC_ATTEMPTS", "OBSERVE_BATCH_ROWS"])
def test_a_whole_number_of_at_least_one_is_required(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} must be a (whole )?number of at least"):
        Settings.from_environment({name: text})


@pytest.mark.parametrize("text", ["soon", "-0.1", "nan", "inf"])
def test_a_wait_is_a_number_of_seconds(text: str) -> None:
    with pytest.raises(SettingsError, match="OBSERVE_RETRY_WAIT_SECONDS must be a number of at least 0"):
        Settings.from_environment({"OBSERVE_RETRY_WAIT_SECONDS": text})


def test_what_was_done_lately_is_always_kept() -> None:
    with pytest.raises(SettingsError, match="OBSERVE_RETENTION_DAYS must be a whole number of at least 90, not '30'"):
        Settings.from_environment({"OBSERVE_RETENTION_DAYS": "30"})
