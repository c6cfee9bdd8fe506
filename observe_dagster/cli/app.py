"""The root of `observe`: its commands, and the one place where an error becomes words and an exit code."""

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from observe_dagster.cli.alerts import alerts
from observe_dagster.cli.checks import checks
from observe_dagster.cli.connections import connections
from observe_dagster.cli.data_models import data_models
from observe_dagster.cli.datafold import datafold
from observe_dagster.cli.dev import demo, dev
from observe_dagster.cli.diff import diff
from observe_dagster.cli.ingest import ingest
from observe_dagster.cli.lineage import lineage
from observe_dagster.cli.migrate import migrate, validate
from observe_dagster.cli.options import hidden
from observe_dagster.cli.pause import pause, resume
from observe_dagster.cli.pipelines import pipelines
from observe_dagster.cli.prune import prune
from observe_dagster.cli.publications import publications
from observe_dagster.cli.runs import report, run, runs
from observe_dagster.cli.status import status
from observe_dagster.cli.trigger import trigger
from observe_dagster.cli.unflag import unflag
from observe_dagster.cli.warehouse_sync import apply, warehouse_sync
from observe_dagster.service.context import Context
from observe_dagster.service.failures import describe, traceback_of

INTERRUPTED = 130
BROKEN_PIPE = 141


class Root(click.Group):
    """A group that reports every error in a line or two, or as JSON, and exits 0, 1 or 2."""

    def main(  # pyright: ignore[reportIncompatibleMethodOverride] (the rest of click's options go through `extra`)
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> Any:
        """Run the command of `args`; always ends in SystemExit."""
        arguments = sys.argv[1:] if args is None else list(args)
        with Context(as_json="--json" in arguments, debug="--debug" in arguments) as context:
            code = self._run(arguments, {"prog_name": prog_name or "observe", "obj": context, **extra}, context)
        sys.exit(code)

    def _run(self, arguments: list[str], options: dict[str, Any], context: Context) -> int:
        options["standalone_mode"] = False
        try:
            result: object = super().main(arguments, **options)
            sys.stdout.flush()
        except (click.Abort, KeyboardInterrupt):
            return INTERRUPTED
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return BROKEN_PIPE
        except Exception as error:  # noqa: BLE001 (the outermost place: an error must end in words, not in a traceback)
            return _report(error, context)
        return result if isinstance(result, int) else 0


def _report(error: Exception, context: Context) -> int:
    secrets = context.secrets()
    failure = describe(error, secrets)
    if context.debug:
        click.echo(traceback_of(error, secrets).rstrip(), err=True)
    if context.as_json:
        click.echo(json.dumps(failure.document(), ensure_ascii=False), err=True)
    elif isinstance(error, click.UsageError):
        error.show()
    else:
        first, *rest = failure.lines
        click.echo("\n".join([f"Error: {first}", *rest]), err=True)
    return failure.exit_code


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="observe_dagster", prog_name="observe")
def main() -> None:
    """Sync warehouses with Dagster, and see what every pipeline did.

    State lives under OBSERVE_HOME (default: .observe), what is declared under OBSERVE_DEFS (default: the shipped
    example), and the database is OBSERVE_DATABASE_URL (default: an embedded PostgreSQL).
    """


for command in (
    *(alerts, warehouse_sync, dev, demo, migrate, validate),
    *(connections, data_models, pipelines, trigger, report, runs, run, pause, resume, status),
    *(checks, diff, datafold, unflag, publications, lineage, ingest, prune),
):
    main.add_command(command)

# The spelling of version 0.1.
main.add_command(hidden(apply))
