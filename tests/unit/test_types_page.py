"""The page about types says what the adapters do."""

import re

import pytest

from observe_dagster.datatypes import Kind, parse_data_type
from observe_dagster.warehouse.duckdb import types as duckdb_types
from observe_dagster.warehouse.postgres import types as postgres_types
from tests.paths import REFERENCE

PAGE = REFERENCE / "types.md"
ROWS = [
    [cell.strip(" `") for cell in line.strip("|").split("|")]
    for line in PAGE.read_text().splitlines()
    if re.match(r"\| `", line)
]


@pytest.mark.parametrize(("name", "postgres", "duckdb"), ROWS, ids=[row[0] for row in ROWS])
def test_a_type_is_spelt_as_the_page_says(name: str, postgres: str, duckdb: str) -> None:
    data_type = parse_data_type(name)
    assert postgres_types.native_of(data_type) == postgres
    assert (duckdb_types.native_of(data_type) or "refused") == duckdb


def test_the_page_names_every_kind() -> None:
    named = {parse_data_type(row[0]).kind for row in ROWS}
    assert named == set(Kind)
