"""`observe prune`: delete old records from the ledger."""

from datetime import UTC, datetime

import click

from observe_dagster.cli.options import common
from observe_dagster.cli.output import facts, write, write_json
from observe_dagster.service.context import Context

_SHORTEST_RETENTION_DAYS = 90


@click.command()
@click.option(
    "--retention-days",
    default=_SHORTEST_RETENTION_DAYS,
    show_default=True,
    type=click.IntRange(_SHORTEST_RETENTION_DAYS, 36_500),
    help="How many days are kept.",
)
@click.option(
    "--batch-size", default=10_000, show_default=True, type=click.IntRange(1, 1_000_000), help="Rows at a time."
)
@click.option("--dry-run", is_flag=True, help="Only count what would be deleted.")
@common
@click.pass_obj
def prune(context: Context, *, retention_days: int, batch_size: int, dry_run: bool) -> None:
    """Delete old runs and check results from the ledger.

    Runs that have not ended, open alerts and pending publications stay, however old they are.
    """
    counts = context.ledger.prune(
        now=datetime.now(UTC), retention_days=retention_days, batch_size=batch_size, dry_run=dry_run
    )
    if context.as_json:
        write_json({**counts, "dry_run": dry_run})
        return
    click.echo("Would delete:" if dry_run else "Deleted:")
    named = ((name.removeprefix("total_").removesuffix("_deleted"), f"{count:,}") for name, count in counts.items())
    write(facts(named))
