"""A data model is judged in the dialect of the connections that it runs on."""

from pathlib import Path

import pytest

from observe_dagster.config import SourceText, load_documents
from observe_dagster.errors import SpecError

HEAD = """\
type: observe_dagster.WarehouseSync
attributes:
  connections:
    - {id: pg, name: PG, service_provider: postgres, config: {host: h, database: d, user: u}}
    - {id: duck, name: Duck, service_provider: duckdb, config: {path: x}}
  data_models:
    - {id: m, name: M, config: {sql_query: "%s"}}
  pipelines:
"""
PIPELINE = """\
    - id: %s
      name: P
      connection_id: %s
      data_model_id: m
      destination: {connection_id: duck, schema: s, table: %s, primary_key: [A]}
      sync_mode: {type: full}
      schedule: {type: on_demand}
"""


def load(sql: str, *sources: str):
    pipelines = "".join(PIPELINE % (f"p{number}", source, f"t{number}") for number, source in enumerate(sources))
    text = HEAD % sql + (pipelines or "    []\n")
    return load_documents([SourceText(file="d.yaml", text=text, folder=Path())], environment={})


def test_names_follow_the_source():
    assert load("SELECT a FROM t", "duck").pipelines
    assert load('SELECT \\"A\\" FROM t', "pg").pipelines
    with pytest.raises(SpecError, match=r"'A' is not a column of the destination \(did you mean 'a'"):
        load("SELECT A FROM t", "pg")


def test_duplicate_names_follow_the_source():
    assert load('SELECT a, \\"A\\" FROM t', "pg").pipelines
    with pytest.raises(SpecError, match="two columns are named 'A'"):
        load('SELECT a, \\"A\\" FROM t', "duck")


def test_a_model_that_runs_on_two_engines_must_be_right_on_both():
    duckdb_only = "SELECT A, list_transform(x, lambda y: y) AS z FROM t ANTI JOIN u USING (A)"

    assert load(duckdb_only, "duck").pipelines
    with pytest.raises(SpecError, match=r"two columns are named 'A'; .* \(in duckdb\)"):
        load('SELECT a, \\"A\\" FROM t', "pg", "duck")


def test_a_model_that_nothing_uses_needs_to_be_right_on_one_engine():
    assert load('SELECT a, \\"A\\" FROM t').data_models
    with pytest.raises(SpecError, match="'DROP' is not a SELECT"):
        load("DROP TABLE t")
