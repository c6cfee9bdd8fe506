"""Judge a diff's summary by an alert condition."""

from observe_dagster.checks.diff.summary import DiffSummary
from observe_dagster.config.models.diff import DiffAlertCondition
from observe_dagster.records import Outcome, Status


def judge(alert: DiffAlertCondition | None, summary: DiffSummary) -> Outcome:
    """Pass or fail a summary; without a condition, every differing row fails."""
    failures = _failures(alert, summary)
    count = summary.different_rows
    clause = "No row differs" if count == 0 else f"{count} of {summary.rows_compared} rows differ"
    if count:
        clause += f" ({summary.different_rows_percent:.3g} %)"
    sentence = f"{clause}{_parts(summary)}"
    if failures:
        sentence += f"; {' and '.join(failures)}"
    elif count:
        sentence += ", which is allowed"
    limit = None if alert is None else alert.different_rows_count
    return Outcome(
        status=Status.FAIL if failures else Status.PASS,
        reason=f"{sentence}.",
        value=float(count),
        expected=0.0,
        upper=None if limit is None else float(limit),
        evidence=summary.document(),
    )


def _failures(alert: DiffAlertCondition | None, summary: DiffSummary) -> list[str]:
    if alert is None or alert == DiffAlertCondition():
        return [] if summary.equal else ["none may"]
    failures: list[str] = []
    if alert.different_rows_count is not None and summary.different_rows > alert.different_rows_count:
        failures.append(f"at most {alert.different_rows_count} may")
    if alert.different_rows_percent is not None and summary.different_rows_percent > alert.different_rows_percent:
        failures.append(f"at most {alert.different_rows_percent:g} % may")
    if alert.match_ratio_min is not None and summary.match_ratio < alert.match_ratio_min:
        failures.append(f"the match ratio is {summary.match_ratio:.4g}, below {alert.match_ratio_min:g}")
    return failures


def _parts(summary: DiffSummary) -> str:
    only_a, only_b = summary.pks.exclusives
    parts = [
        (only_a, "only in a"),
        (only_b, "only in b"),
        (summary.values.rows_with_differences, "changed"),
        (sum(summary.pks.nulls_exclusives), "without a key"),
    ]
    clauses = [f"{count} {what}" for count, what in parts if count]
    if (dupes := sum(summary.pks.dupes)) > 0:
        clauses.append(f"{dupes} with a duplicate key")
    if summary.sampled is not None:
        clauses.append(f"in a sample of {summary.sampled.rate:.2%}")
    return f": {', '.join(clauses)}" if clauses else ""
