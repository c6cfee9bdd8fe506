"""`observe ingest`: ingest SQL for its assets and lineage, and answer as the Datascale document does."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from observe_dagster.cli.options import common
from observe_dagster.cli.output import write_json
from observe_dagster.errors import IngestError, ObserveError
from observe_dagster.service.context import Context, Document

if TYPE_CHECKING:
    from observe_dagster.service.ingest import IngestResult


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--platform", help="Whose SQL it is, such as snowflake, postgres, bigquery, redshift.")
@click.option("--connection", "connection_id", metavar="ID", help="The declared connection whose tables it means.")
@click.option("--extra-config", metavar="JSON", help="More to know, such as a default_schema, as a JSON object.")
@common
@click.pass_obj
@click.pass_context
def ingest(
    click_context: click.Context,
    context: Context,
    file: Path,
    *,
    platform: str | None,
    connection_id: str | None,
    extra_config: str | None,
) -> None:
    """Ingest SQL for its lineage.

    The SQL is that of FILE, or of stdin with -. Its tables and views become assets, what it writes edges. A file that
    is ingested again replaces its earlier lineage.
    """
    try:
        result = _ingest(context, file, platform, connection_id, extra_config)
    except ObserveError as error:
        if not context.as_json:
            raise
        write_json(_refusal(error, context))
        click_context.exit(1)
    if context.as_json:
        notes = [{"line": one.line, "column": one.column, "reason": one.reason} for one in result.unresolved]
        write_json({"success": True, "message": result.message, "unresolved": notes})
        return
    click.echo(result.message)
    for one in result.unresolved:
        click.echo(f"Not followed: {one}", err=True)


def _ingest(
    context: Context, file: Path, platform: str | None, connection_id: str | None, extra_config: str | None
) -> "IngestResult":
    import logging

    from observe_dagster.service.ingest import ingest_sql

    # What sqlglot warns of is reported as unresolved, with its line.
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    extra = _extra(extra_config)
    if connection_id is not None:
        extra["connection_id"] = connection_id
    is_file = str(file) != "-"
    content = _text(file) if is_file else sys.stdin.read()
    return ingest_sql(
        context.ledger,
        context.project,
        content,
        platform=platform,
        extra_config=extra,
        name=str(file) if is_file else None,
        now=datetime.now(UTC),
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise IngestError("INVALID_INPUT", f"{file} cannot be read", error.strerror or type(error).__name__) from None
    except UnicodeDecodeError:
        raise IngestError("INVALID_INPUT", f"{file} cannot be read", "It is not UTF-8 text.") from None


def _extra(text: str | None) -> Document:
    try:
        config: Any = json.loads(text or "{}")
    except ValueError as error:
        raise IngestError("INVALID_INPUT", "extra_config is not JSON", str(error)) from None
    if not isinstance(config, dict):
        raise IngestError("INVALID_INPUT", "extra_config is not an object", f"It is {text}.")
    return {str(key): value for key, value in config.items()}


def _refusal(error: ObserveError, context: Context) -> Document:
    """The document's error object; what is not about the request is a SERVER_ERROR."""
    from observe_dagster.service.failures import redact

    if not isinstance(error, IngestError):
        words = redact(str(error), context.secrets())
        return {"success": False, "error": "Internal error", "details": words, "code": "SERVER_ERROR"}
    return {"success": False, "error": error.error, "details": error.details, "code": error.code}
