"""The folder that Dagster calls DAGSTER_HOME, made ready for an installed package."""

from importlib.resources import files
from pathlib import Path

from observe_dagster.settings import Settings


def prepare_dagster_home(settings: Settings) -> Path:
    """Write `dagster.yaml` under OBSERVE_HOME/dagster and return that folder, to be used as DAGSTER_HOME."""
    home = settings.home / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    content = files("observe_dagster.orchestration").joinpath("dagster.yaml").read_text(encoding="utf-8")
    path = home / "dagster.yaml"
    if not path.exists() or path.read_text(encoding="utf-8") != content:
        path.write_text(content, encoding="utf-8")
    return home
