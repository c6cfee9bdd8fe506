"""The ledger's front for checks: what they judge by, what they said, how they stand."""

from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from observe_dagster.ledger.checks.anomaly_inputs import Chosen, cases
from observe_dagster.ledger.checks.flags import unflag
from observe_dagster.ledger.checks.queries import check_history, check_statuses
from observe_dagster.ledger.checks.results import record_results
from observe_dagster.ledger.checks.rows import AnomalyCase, CheckResultRow, CheckStatus, TimingInputs
from observe_dagster.ledger.checks.timing_inputs import timing_inputs
from observe_dagster.ledger.retention import DEFAULT_BATCH_SIZE, SHORTEST_RETENTION_DAYS, prune
from observe_dagster.ledger.session import LedgerSession
from observe_dagster.records import CheckResult

LOOKS_BACK = timedelta(days=7)
"""How long after its end a run is still judged when nobody did so at the time."""


class CheckStore(LedgerSession):
    """What the checks said and what they judge by; on the engine of its ledger, which closes it."""

    def timing_inputs(self, pipeline_ids: Collection[str] | None = None, *, now: datetime) -> list[TimingInputs]:
        """All that freshness and timeliness are judged by, of all pipelines and observed assets, in one query."""
        with self.transaction() as db:
            return timing_inputs(db, pipeline_ids, untimed_since=now - LOOKS_BACK)

    @contextmanager
    def anomaly_cases(
        self,
        *,
        now: datetime,
        pipeline_ids: Collection[str] | None = None,
        execution_ids: Collection[int] | None = None,
        latest: bool = False,
    ) -> Generator[Generator[AnomalyCase]]:
        """Every active rule with its runs to judge and their history, streamed while the block runs; one query.

        To judge are these executions, or with `latest` the last good run of each pipeline, or else all good runs of
        the last week that were not judged yet, and those that were unflagged.
        """
        chosen = Chosen(since=now - LOOKS_BACK, execution_ids=execution_ids, pipeline_ids=pipeline_ids, latest=latest)
        with self.transaction() as db:
            yield cases(db, chosen)

    def record_results(self, results: Sequence[CheckResult]) -> None:
        """Keep verdicts and what follows from them, in one transaction; saying one thing twice says it once."""
        with self.transaction() as db:
            record_results(db, results)

    def statuses(self, asset: tuple[str, ...] | None = None) -> list[CheckStatus]:
        """How every check stands, or those of one asset."""
        with self.transaction() as db:
            return check_statuses(db, asset)

    def history(
        self, asset: tuple[str, ...], check_name: str, *, limit: int = 100, before: datetime | None = None
    ) -> list[CheckResultRow]:
        """What one check said, the newest first."""
        with self.transaction() as db:
            return check_history(db, asset, check_name, limit=limit, before=before)

    def unflag(self, pipeline_id: str, execution_id: int, metric_fields: Sequence[str]) -> tuple[str, ...]:
        """Put a run back into the baseline of these metrics; returns those whose flag it had.

        Raises NotFoundError for another pipeline's run, and for a run that has none of the flags.
        """
        with self.transaction() as db:
            return unflag(db, pipeline_id, execution_id, metric_fields)

    def prune(
        self,
        *,
        now: datetime,
        retention_days: int = SHORTEST_RETENTION_DAYS,
        batch_size: int = DEFAULT_BATCH_SIZE,
        dry_run: bool = False,
    ) -> dict[str, int]:
        """Delete what is older, each batch committed, or with `dry_run` count it; keeps at least 90 days."""
        return prune(self.engine, now=now, retention_days=retention_days, batch_size=batch_size, dry_run=dry_run)
