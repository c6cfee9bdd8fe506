"""The reference page names every key that may be written, with its default, and no other."""

import importlib
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import observe_dagster.config as spec
from observe_dagster.config import (
    AnomalyDetectionRule,
    BigQueryConfig,
    BigQueryConnection,
    DatabricksConfig,
    DatabricksConnection,
    DataModel,
    DataModelConfig,
    DestinationTable,
    DuckDBConfig,
    DuckDBConnection,
    FieldTransformation,
    FullSync,
    IncrementalSync,
    IntervalSchedule,
    OnceSchedule,
    OnDemandSchedule,
    Pipeline,
    PipelineType,
    PostgresConfig,
    PostgresConnection,
    ProjectDocument,
    RedshiftConfig,
    RedshiftConnection,
    SnowflakeConfig,
    SnowflakeConnection,
)
from observe_dagster.config.models.base import Declared
from observe_dagster.config.models.warehouse_sync import MParticle
from tests.paths import REFERENCE

PAGE = (REFERENCE / "yaml.md").read_text()
SECTIONS: dict[str, type[BaseModel]] = {
    "Attributes": ProjectDocument,
    "Connection": PostgresConnection,
    "Config: postgres": PostgresConfig,
    "Config: duckdb": DuckDBConfig,
    "Config: snowflake": SnowflakeConfig,
    "Config: bigquery": BigQueryConfig,
    "Config: redshift": RedshiftConfig,
    "Config: databricks": DatabricksConfig,
    "Data model": DataModel,
    "Config: data model": DataModelConfig,
    "Pipeline type": PipelineType,
    "Pipeline": Pipeline,
    "MParticle": MParticle,
    "Destination": DestinationTable,
    "Field transformation": FieldTransformation,
    "Sync mode: incremental": IncrementalSync,
    "Sync mode: full": FullSync,
    "Schedule: interval": IntervalSchedule,
    "Schedule: once": OnceSchedule,
    "Schedule: on_demand": OnDemandSchedule,
    "Anomaly detection rule": AnomalyDetectionRule,
}
ON_OTHER_PAGES = (
    "observe_dagster.config.models.monitors",
    "observe_dagster.config.models.diff",
    "observe_dagster.config.models.alerts",
    "observe_dagster.config.models.ingest",
)
SAME_KEYS = {
    BigQueryConnection: PostgresConnection,
    DatabricksConnection: PostgresConnection,
    DuckDBConnection: PostgresConnection,
    RedshiftConnection: PostgresConnection,
    SnowflakeConnection: PostgresConnection,
}


def described() -> dict[str, dict[str, str]]:
    """Each section's keys with their defaults."""
    sections: dict[str, dict[str, str]] = {}
    for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        rows = re.findall(r"^\| `(\w+)` \|.*?\| (.*?) ?\| [^|]*\|$", body, flags=re.MULTILINE)
        if rows:
            sections[title] = {key: default.strip("`") for key, default in rows}
    return sections


def keys_and_defaults(model: type[BaseModel]) -> dict[str, str]:
    return {field.alias or name: _spoken(field) for name, field in model.model_fields.items()}


def _spoken(field: Any) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if default is None or default in ((), {}) or isinstance(default, BaseModel):
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


@pytest.mark.parametrize("title", SECTIONS)
def test_a_section_names_every_key_with_its_default(title):
    assert described()[title] == keys_and_defaults(SECTIONS[title])


def test_every_section_describes_a_model():
    assert set(described()) == {"Document", *SECTIONS}
    assert set(described()["Document"]) == {"type", "attributes"}


def test_every_model_has_a_section():
    def below(model: type[BaseModel]) -> set[type[BaseModel]]:
        return {model}.union(*(below(inner) for inner in model.__subclasses__()))

    for module in pkgutil.walk_packages(spec.__path__, f"{spec.__name__}."):
        importlib.import_module(module.name)
    written = {
        model
        for model in below(Declared)
        if model.__module__.startswith("observe_dagster.config") and not model.__module__.startswith(ON_OTHER_PAGES)
    }
    shared = {Declared, *(model for model in written if model.__subclasses__())}
    assert written - shared - set(SAME_KEYS) == set(SECTIONS.values())
    assert all(keys_and_defaults(model) == keys_and_defaults(other) for model, other in SAME_KEYS.items())


def test_the_page_shows_the_example_that_is_tested():
    example = Path(__file__).with_name("contract.yaml").read_text()

    assert f"```yaml\n{example}```" in PAGE
