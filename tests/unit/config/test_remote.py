"""What a pipeline with engine mparticle may say, and what it may not."""

from pathlib import Path

import pytest

from observe_dagster.config import content_hash, masked, project_from_attributes
from observe_dagster.errors import SpecError

SNOWFLAKE = {
    **dict.fromkeys(("account_identifier", "region", "warehouse", "database", "user", "role"), "x"),
    "password": "{{ env.PASSWORD }}",
    "storage_integration": "x",
}
MODE = {"type": "incremental", "iterator_field": "at", "iterator_data_type": "datetime_tz"}


def declare(connection=None, **pipeline):
    attributes = {
        "connections": [
            connection or {"id": "snow", "name": "S", "service_provider": "Snowflake", "config": SNOWFLAKE}
        ],
        "data_models": [{"id": "m", "name": "M", "config": {"sql_query": "SELECT id, at FROM t"}}],
        "pipelines": [
            {
                "id": "p",
                "name": "P",
                "engine": "mparticle",
                "connection_id": "snow",
                "data_model_id": "m",
                "sync_mode": MODE,
                "schedule": {"type": "on_demand"},
                **pipeline,
            }
        ],
    }
    environment = {"PASSWORD": "pass-4-snow", "KEY": "feed-key-77"}
    return project_from_attributes(attributes, source="r.yaml", base_dir=Path(), environment=environment).pipelines[0]


def test_it_needs_no_destination_and_has_an_asset_all_the_same():
    assert declare().table_key == ("snow", "mparticle", "p")


def test_a_feeds_key_is_a_secret():
    pipeline = declare(mparticle={"partner_feed_id": 3, "partner_feed_key": "{{ env.KEY }}"})

    shown = f"{pipeline!r} {masked(pipeline)} {content_hash(pipeline)}"
    assert pipeline.mparticle.partner_feed_key.get_secret_value() == "feed-key-77"
    assert "feed-key-77" not in shown


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"destination": {"connection_id": "snow", "schema": "a", "table": "b"}}, "leave destination out"),
        ({"mparticle": {"pipeline_type": "events"}}, "events needs a field_transformation_id"),
        ({"mparticle": {"field_transformation_id": "f"}}, "for pipeline_type events only"),
        ({"mparticle": {"data_plan_version": 2}}, "data_plan_version needs a data_plan_id"),
        ({"sync_mode": {**MODE, "lag": "10m"}}, "sync_mode.lag is not known to mParticle"),
        ({"field_transformation": {"drop": ["id"]}}, "takes mparticle.field_transformation_id"),
        ({"verify": "diff"}, "verify is not possible"),
        (
            {
                "schedule": {
                    "type": "interval",
                    "frequency": "daily",
                    "start": "2024-01-01T00:00:00Z",
                    "partitioned": True,
                }
            },
            "schedule.partitioned is not possible",
        ),
        (
            {"connection": {"id": "snow", "name": "S", "service_provider": "duckdb", "config": {"path": "a.duckdb"}}},
            "'snow' is DuckDB, which engine mparticle does not read",
        ),
        (
            {
                "engine": "local",
                "mparticle": {},
                "destination": {"connection_id": "snow", "schema": "a", "table": "b", "primary_key": ["id"]},
            },
            "mparticle is for pipelines with engine mparticle",
        ),
    ],
)
def test_what_does_not_fit_is_named(said, message):
    with pytest.raises(SpecError, match=message):
        declare(**said)
