"""What a user declares, loaded from YAML and checked: connections, pipelines, monitors, and who is told."""

from observe_dagster.spec.alerts import Alerting
from observe_dagster.spec.connection import (
    PROVIDER_NAMES,
    BigQueryConfig,
    BigQueryConnection,
    Connection,
    DatabricksConfig,
    DatabricksConnection,
    DuckDBConfig,
    DuckDBConnection,
    PostgresConfig,
    PostgresConnection,
    RedshiftConfig,
    RedshiftConnection,
    SnowflakeConfig,
    SnowflakeConnection,
)
from observe_dagster.spec.data_model import DataModel, DataModelConfig
from observe_dagster.spec.declared import format_duration, parse_duration
from observe_dagster.spec.document import DOCUMENT_TYPE
from observe_dagster.spec.items import ProjectDocument
from observe_dagster.spec.loader import SourceText, load_documents, load_project, project_from_attributes
from observe_dagster.spec.masking import MASK, masked, redact, secrets_of
from observe_dagster.spec.monitors import (
    DataTestMonitor,
    DiffMonitor,
    MetricMonitor,
    Monitor,
    SchemaMonitor,
)
from observe_dagster.spec.pipeline import (
    AnomalyDetectionRule,
    Destination,
    Expectations,
    FieldTransformation,
    Pipeline,
    PipelineType,
)
from observe_dagster.spec.project import DeclaredMonitor, Origin, Project, content_hash
from observe_dagster.spec.schedule import (
    FullSync,
    IncrementalSync,
    IntervalSchedule,
    OnceSchedule,
    OnDemandSchedule,
    Schedule,
    SyncMode,
)

__all__ = [
    "DOCUMENT_TYPE",
    "MASK",
    "PROVIDER_NAMES",
    "Alerting",
    "AnomalyDetectionRule",
    "BigQueryConfig",
    "BigQueryConnection",
    "Connection",
    "DataModel",
    "DataModelConfig",
    "DataTestMonitor",
    "DatabricksConfig",
    "DatabricksConnection",
    "DeclaredMonitor",
    "Destination",
    "DiffMonitor",
    "DuckDBConfig",
    "DuckDBConnection",
    "Expectations",
    "FieldTransformation",
    "FullSync",
    "IncrementalSync",
    "IntervalSchedule",
    "MetricMonitor",
    "Monitor",
    "OnDemandSchedule",
    "OnceSchedule",
    "Origin",
    "Pipeline",
    "PipelineType",
    "PostgresConfig",
    "PostgresConnection",
    "Project",
    "ProjectDocument",
    "RedshiftConfig",
    "RedshiftConnection",
    "Schedule",
    "SchemaMonitor",
    "SnowflakeConfig",
    "SnowflakeConnection",
    "SourceText",
    "SyncMode",
    "content_hash",
    "format_duration",
    "load_documents",
    "load_project",
    "masked",
    "parse_duration",
    "project_from_attributes",
    "redact",
    "secrets_of",
]
