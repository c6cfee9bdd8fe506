"""Judge what holds between runs, for all pipelines in one query: freshness and timeliness.

The query is the ledger's and the judging is that of `checks`. The caller reports the results that `changed_or_stale`
chooses, and records all of them.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from observe_dagster.checks.freshness import Freshness, Loads
from observe_dagster.checks.freshness import judge as judge_freshness
from observe_dagster.checks.thresholds import Threshold, TimingRule, freshness_allowance, timeliness_allowance
from observe_dagster.checks.timeliness import TimedRun, Timeliness
from observe_dagster.checks.timeliness import judge as judge_timeliness
from observe_dagster.config.models.check_names import FRESHNESS, TIMELINESS
from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.models.schedule import IntervalSchedule
from observe_dagster.config.project import Project
from observe_dagster.monitoring.expected_run import next_expected_run
from observe_dagster.records import CheckResult, Outcome, Status

if TYPE_CHECKING:
    from observe_dagster.ledger import CheckStatus, Ledger, RunTiming, TimingInputs

_DAY = timedelta(days=1)
_Rule = TypeVar("_Rule", bound=TimingRule)


def judge_timing(
    project: Project, ledger: "Ledger", *, now: datetime, pipeline_ids: Collection[str] | None = None
) -> list[CheckResult]:
    """Judge freshness and timeliness of all pipelines and watched assets, or of some, in one query.

    A pipeline that expects nothing has no result, or one, `skipped`, where its check still has another status.
    Timeliness has one result for each run that ended and was not judged yet, and last the pipeline's own.
    """
    declared = {pipeline.id: pipeline for pipeline in project.pipelines}
    results: list[CheckResult] = []
    for inputs in ledger.checks.timing_inputs(pipeline_ids, now=now):
        pipeline = declared.get(inputs.pipeline_id)
        results += _freshness(inputs, pipeline, now)
        results += _timeliness(inputs, pipeline, now)
    return results


def changed_or_stale(
    results: Sequence[CheckResult], current: Collection["CheckStatus"], *, now: datetime, every: timedelta = _DAY
) -> list[CheckResult]:
    """Choose the results to report: those with another status than the last one, and those not reported for a day.

    A run's anomaly result is reported always, unless a later run's was reported before.
    """
    known = {(check.asset, check.check_name): (check.status, check.judged_at, check.execution_id) for check in current}
    reported_at = {(check.asset, check.check_name): check.last_reported_at for check in current}
    chosen: list[CheckResult] = []
    for result in results:
        key = (result.asset, result.check_name)
        before = known.get(key)
        if before is not None and result.judged_at < before[1]:
            continue
        known[key] = (result.outcome.status, result.judged_at, result.execution_id)
        if before is None or _is_news(before, result) or reported_at.get(key, now) <= now - every:
            chosen.append(result)
            reported_at[key] = now
    return chosen


def timezone_of(pipeline: Pipeline | None) -> str:
    """The zone whose days and hours a pipeline is judged by: its schedule's, else UTC."""
    return pipeline.schedule.timezone if pipeline and isinstance(pipeline.schedule, IntervalSchedule) else "UTC"


def _is_news(before: tuple[Status, datetime, int | None], result: CheckResult) -> bool:
    status, _, execution_id = before
    if result.outcome.status is not status or result.kind == "anomaly":
        return True
    return status is Status.FAIL and result.execution_id != execution_id


def _freshness(inputs: "TimingInputs", pipeline: Pipeline | None, now: datetime) -> Iterator[CheckResult]:
    allowance = freshness_allowance(inputs.own, inputs.inherited)
    if _nothing_to_report(allowance.number, inputs.freshness_status):
        return
    declared = _rule(Freshness, inputs, allowance, pipeline)
    loads = Loads(
        created_at=inputs.created_at,
        last_insert=inputs.last_insert,
        last_update=inputs.last_update,
        last_soft_delete=inputs.last_soft_delete,
    )
    yield _result(inputs, FRESHNESS, judge_freshness(declared, loads, now=now), now)


def _timeliness(inputs: "TimingInputs", pipeline: Pipeline | None, now: datetime) -> Iterator[CheckResult]:
    allowance = timeliness_allowance(inputs.own, inputs.inherited)
    if _nothing_to_report(allowance.number, inputs.timeliness_status):
        return
    declared = _rule(Timeliness, inputs, allowance, pipeline)

    def judged(run: TimedRun) -> CheckResult:
        outcome = judge_timeliness(declared, run, now=now)
        return _result(inputs, TIMELINESS, outcome, now, execution_id=run.execution_id if outcome.judged else None)

    due_at = None if pipeline is None else next_expected_run(pipeline, inputs)
    running = [judged(_run(run)) for run in inputs.open_runs]
    missing = judged(TimedRun(due_at=due_at))
    ended = [judged(_run(run)) for run in inputs.untimed_runs]
    latest = None if inputs.latest_ended is None else judged(_run(inputs.latest_ended))
    late = next((result for result in (*running, missing) if result.outcome.status is Status.FAIL), None)
    overall = late or latest or next(iter(running), missing)
    yield from (result for result in ended if result.outcome.judged and result.execution_id != overall.execution_id)
    yield overall


def _rule(kind: type[_Rule], inputs: "TimingInputs", allowance: Threshold, pipeline: Pipeline | None) -> _Rule:
    zone = timezone_of(pipeline)
    return kind(name=inputs.name, allowance=allowance, active=inputs.active, paused=inputs.paused, timezone=zone)


def _nothing_to_report(number: int | None, status: Status | None) -> bool:
    return number is None and status in (None, Status.SKIPPED)


def _run(timing: "RunTiming") -> TimedRun:
    return TimedRun(
        started_at=timing.started_at,
        ended_at=timing.ended_at,
        succeeded=timing.succeeded,
        execution_id=timing.execution_id,
    )


def _result(
    inputs: "TimingInputs", check_name: str, outcome: Outcome, now: datetime, *, execution_id: int | None = None
) -> CheckResult:
    return CheckResult(
        asset=inputs.asset,
        check_name=check_name,
        kind=check_name,
        outcome=outcome,
        judged_at=now,
        evaluated_at=now,
        pipeline_id=inputs.pipeline_id,
        execution_id=execution_id,
    )
