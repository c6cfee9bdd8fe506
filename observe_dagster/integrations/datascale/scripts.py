"""The SQL that Datascale learns lineage from: what fills each table, and what each table looks like."""

from collections.abc import Iterator

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.project import Project
from observe_dagster.integrations.facts import FieldFact, SqlContent
from observe_dagster.lineage import output_columns


def pipeline_scripts(project: Project) -> Iterator[SqlContent]:
    """One script for each pipeline: its data model as the making of its table, in the source's dialect."""
    for pipeline in project.pipelines:
        provider = project.connection(pipeline.connection_id).service_provider
        table = quoted(provider, pipeline.destination.schema_, pipeline.destination.table)
        sql = project.data_model(pipeline.data_model_id).sql.strip().rstrip(";")
        content = f"CREATE TABLE {table} AS\n{_columns(pipeline, sql, provider)}"
        yield SqlContent(name=f"pipeline/{pipeline.id}", content=content, platform=provider)


def table_script(name: str, provider: str, schema: str, table: str, fields: tuple[FieldFact, ...]) -> SqlContent:
    """The DDL of a table as it is; `name` tells it from other scripts."""
    columns = ",\n".join(f"  {quoted(provider, field.name)} {field.type}" for field in fields)
    content = f"CREATE TABLE {quoted(provider, schema, table)} (\n{columns}\n)"
    return SqlContent(name=f"table/{name}", content=content, platform=provider)


def quoted(provider: str, *parts: str) -> str:
    """A name as the provider's SQL quotes it, its parts joined by dots."""
    from sqlglot import exp

    return ".".join(exp.to_identifier(part, quoted=True).sql(dialect=provider) for part in parts)


def _columns(pipeline: Pipeline, sql: str, provider: str) -> str:
    """The query under the names that the destination has: one by one where the text tells them."""
    renamed, dropped = pipeline.field_transformation.rename, pipeline.field_transformation.drop
    if not renamed and not dropped:
        return sql
    columns = output_columns(sql, provider)
    if columns is None:
        listed = ["*", *(_as(provider, old, new) for old, new in renamed.items())]
    else:
        listed = [_as(provider, name, renamed.get(name, name)) for name in columns if name not in dropped]
    return f"SELECT {', '.join(listed) or '*'}\nFROM (\n{sql}\n) AS source"


def _as(provider: str, old: str, new: str) -> str:
    column = quoted(provider, old)
    return column if old == new else f"{column} AS {quoted(provider, new)}"
