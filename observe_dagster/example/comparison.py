"""Compare what each of the example's pipelines reads with what its table holds."""

from collections.abc import Iterable
from dataclasses import dataclass

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.project import Project
from observe_dagster.example.places import Places
from observe_dagster.example.proof import DuckDBEngine, Engine, Fingerprint, PostgresEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One pipeline's source and destination, counted and hashed over all columns of the data model."""

    source_name: str
    table: str
    columns: int
    source: Fingerprint
    destination: Fingerprint

    @property
    def equal(self) -> bool:
        """Tell whether both hold the same rows."""
        return self.source == self.destination


def compare(project: Project, places: Places, pipelines: Iterable[Pipeline]) -> list[Comparison]:
    """Compare each pipeline's source with its destination."""
    engines: dict[str, Engine] = {
        "nyc_source": PostgresEngine(places.source_url),
        "lake": DuckDBEngine(str(places.lake_path)),
        "warehouse": PostgresEngine(places.warehouse_url),
    }
    return [_compare(project, pipeline, engines) for pipeline in pipelines]


def _compare(project: Project, pipeline: Pipeline, engines: dict[str, Engine]) -> Comparison:
    destination = pipeline.destination
    source_engine, engine = engines[pipeline.connection_id], engines[destination.connection_id]
    query = project.data_model(pipeline.data_model_id).sql
    columns = list(source_engine.columns(query))
    # A mirror keeps rows that are gone at the source, marked as deleted.
    kept = " WHERE _observe_deleted_at IS NULL" if destination.write_mode == "mirror" else ""
    table = f"SELECT * FROM {_quoted(destination.schema_)}.{_quoted(destination.table)}{kept}"  # noqa: S608 (ours)
    return Comparison(
        source_name=f"{pipeline.connection_id}: {pipeline.data_model_id}",
        table=".".join(pipeline.table_key),
        columns=len(columns),
        source=source_engine.fingerprint(query, columns),
        destination=engine.fingerprint(table, columns),
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
