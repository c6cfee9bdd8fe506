"""The SQL that Datascale is told a pipeline's table is made by."""

from typing import Any

import pytest

from observe_dagster.config import project_from_attributes
from observe_dagster.integrations.datascale.scripts import pipeline_scripts


def made_by(tmp_path, sql: str, **transformation: Any) -> str:
    attributes = {
        "connections": [
            {"id": "ops", "name": "Ops", "service_provider": "postgres", "config": {"url": "postgresql://u@h/shop"}}
        ],
        "data_models": [{"id": "m", "name": "M", "config": {"sql_query": sql}}],
        "pipelines": [
            {
                "id": "p",
                "name": "P",
                "connection_id": "ops",
                "data_model_id": "m",
                "destination": {"connection_id": "ops", "schema": "a", "table": "t", "write_mode": "replace"},
                "sync_mode": {"type": "full"},
                "schedule": {"type": "on_demand"},
                "field_transformation": transformation,
            }
        ],
    }
    project = project_from_attributes(attributes, source="p.yaml", base_dir=tmp_path, environment={})
    (script,) = pipeline_scripts(project)
    return script.content.removeprefix('CREATE TABLE "a"."t" AS\n')


@pytest.mark.parametrize(
    ("sql", "transformation", "content"),
    [
        ("SELECT id, at FROM s", {}, "SELECT id, at FROM s"),
        (
            "SELECT id, At, c AS n FROM s",
            {"rename": {"id": "order_id"}, "drop": ["n"]},
            'SELECT "id" AS "order_id", "at"\nFROM (\nSELECT id, At, c AS n FROM s\n) AS source',
        ),
        (
            "SELECT * FROM s",
            {"rename": {"id": "order_id"}},
            'SELECT *, "id" AS "order_id"\nFROM (\nSELECT * FROM s\n) AS source',
        ),
        (
            'SELECT "a""b" AS x FROM s',
            {"rename": {"x": 'new "name'}},
            'SELECT "x" AS "new ""name"\nFROM (\nSELECT "a""b" AS x FROM s\n) AS source',
        ),
    ],
)
def test_renamed_and_dropped_columns_are_listed_where_the_text_tells_them(tmp_path, sql, transformation, content):
    assert made_by(tmp_path, sql, **transformation) == content
