"""`observe migrate` and `observe validate`."""

import os
from pathlib import Path

import click

from observe_dagster.cli.options import common
from observe_dagster.cli.output import answer
from observe_dagster.service.context import Context


@click.command()
@common
@click.pass_obj
def migrate(context: Context) -> None:
    """Bring the database to this version's schema.

    Running it again changes nothing.
    """
    from observe_dagster.ledger import migrate as upgrade

    upgrade(context.database_url)
    where = "embedded" if context.settings.database_url is None else "OBSERVE_DATABASE_URL"
    document = {"status": "migrated", "database": where}
    answer(context, document, f"The {where} database is at this version's schema.")


@click.command()
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@common
@click.pass_obj
def validate(context: Context, path: Path | None) -> None:
    """Check what is declared, without opening any connection.

    PATH is a folder of YAML files; the default is OBSERVE_DEFS.
    """
    from observe_dagster.config import load_project

    folder = context.settings.defs if path is None else path
    project = load_project(folder, environment=os.environ)
    counts = {
        "connections": len(project.connections),
        "data_models": len(project.data_models),
        "pipeline_types": len(project.pipeline_types),
        "pipelines": len(project.pipelines),
    }
    nouns = {name: name.replace("_", " ") for name in counts}
    summary = ", ".join(
        f"{count} {nouns[name].removesuffix('s') if count == 1 else nouns[name]}" for name, count in counts.items()
    )
    answer(context, {"status": "valid", "path": str(folder), **counts}, f"{folder} is valid: {summary}.")
