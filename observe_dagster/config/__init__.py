"""What a user declares, loaded from YAML and checked: connections, pipelines, monitors and alert channels."""

from observe_dagster.config.documents.items import ProjectDocument
from observe_dagster.config.loader import SourceText, load_documents, load_project, project_from_attributes
from observe_dagster.config.models.alerts import Alerting
from observe_dagster.config.models.base import parse_duration
from observe_dagster.config.models.connections import Connection
from observe_dagster.config.models.connections.bigquery import BigQueryConfig, BigQueryConnection
from observe_dagster.config.models.connections.databricks import DatabricksConfig, DatabricksConnection
from observe_dagster.config.models.connections.duckdb import DuckDBConfig, DuckDBConnection
from observe_dagster.config.models.connections.postgres import PostgresConfig, PostgresConnection
from observe_dagster.config.models.connections.redshift import RedshiftConfig, RedshiftConnection
from observe_dagster.config.models.connections.snowflake import SnowflakeConfig, SnowflakeConnection
from observe_dagster.config.models.data_model import DataModel, DataModelConfig
from observe_dagster.config.models.monitors import MetricMonitor
from observe_dagster.config.models.pipeline import (
    AnomalyDetectionRule,
    DestinationTable,
    FieldTransformation,
    Pipeline,
    PipelineType,
)
from observe_dagster.config.models.schedule import (
    FullSync,
    IncrementalSync,
    IntervalSchedule,
    OnceSchedule,
    OnDemandSchedule,
)
from observe_dagster.config.project import DeclaredMonitor, Project, content_hash
from observe_dagster.config.secrets import masked, secrets_of
from observe_dagster.redaction import MASK, redact

__all__ = [
    "MASK",
    "Alerting",
    "AnomalyDetectionRule",
    "BigQueryConfig",
    "BigQueryConnection",
    "Connection",
    "DataModel",
    "DataModelConfig",
    "DatabricksConfig",
    "DatabricksConnection",
    "DeclaredMonitor",
    "DestinationTable",
    "DuckDBConfig",
    "DuckDBConnection",
    "FieldTransformation",
    "FullSync",
    "IncrementalSync",
    "IntervalSchedule",
    "MetricMonitor",
    "OnDemandSchedule",
    "OnceSchedule",
    "Pipeline",
    "PipelineType",
    "PostgresConfig",
    "PostgresConnection",
    "Project",
    "ProjectDocument",
    "RedshiftConfig",
    "RedshiftConnection",
    "SnowflakeConfig",
    "SnowflakeConnection",
    "SourceText",
    "content_hash",
    "load_documents",
    "load_project",
    "masked",
    "parse_duration",
    "project_from_attributes",
    "redact",
    "secrets_of",
]
