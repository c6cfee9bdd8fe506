"""Judge what stands between runs, for all pipelines in one query: freshness and timeliness.

The query is the ledger's and the judging is that of `checks`; what comes out is kept and reported by the caller:
those that `changed_or_stale` names are told to people and then recorded, all others only recorded.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from observe_dagster.checks.freshness import Freshness, Loads
from observe_dagster.checks.freshness import judge as judge_freshness
from observe_dagster.checks.thresholds import freshness_allowance, timeliness_allowance
from observe_dagster.checks.timeliness import Run, Timeliness
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


def judge_timing(
    project: Project, ledger: "Ledger", *, now: datetime, pipeline_ids: Collection[str] | None = None
) -> list[CheckResult]:
    """Judge freshness and timeliness of all pipelines and observed assets, or of some, in one query.

    A pipeline that expects nothing has no result; it has one, `skipped`, when its check has still to be told so.
    Timeliness has one result for each run that ended and was not judged yet, and ends with how the pipeline stands.
    """
    declared = {pipeline.id: pipeline for pipeline in project.pipelines}
    results: list[CheckResult] = []
    for standing in ledger.checks.timing_inputs(pipeline_ids, now=now):
        pipeline = declared.get(standing.pipeline_id)
        results += _freshness(standing, pipeline, now)
        results += _timeliness(standing, pipeline, now)
    return results


def changed_or_stale(
    results: Sequence[CheckResult], standing: Collection["CheckStatus"], *, now: datetime, every: timedelta = _DAY
) -> list[CheckResult]:
    """Choose the results that are worth telling: what says something else than before, or the same for a day.

    A run's anomaly verdict is told always, unless a later run's was told before.
    """
    known = {(check.asset, check.check_name): (check.status, check.judged_at, check.execution_id) for check in standing}
    told_at = {(check.asset, check.check_name): check.last_reported_at for check in standing}
    chosen: list[CheckResult] = []
    for result in results:
        key = (result.asset, result.check_name)
        before = known.get(key)
        if before is not None and result.judged_at < before[1]:
            continue
        known[key] = (result.outcome.status, result.judged_at, result.execution_id)
        if before is None or _news(before, result) or told_at.get(key, now) <= now - every:
            chosen.append(result)
            told_at[key] = now
    return chosen


def timezone_of(pipeline: Pipeline | None) -> str:
    """The zone whose days and hours a pipeline is judged by: its schedule's, else UTC."""
    return pipeline.schedule.timezone if pipeline and isinstance(pipeline.schedule, IntervalSchedule) else "UTC"


def _news(before: tuple[Status, datetime, int | None], result: CheckResult) -> bool:
    status, _, execution_id = before
    if result.outcome.status is not status or result.kind == "anomaly":
        return True
    return status is Status.FAIL and result.execution_id != execution_id


def _freshness(standing: "TimingInputs", pipeline: Pipeline | None, now: datetime) -> Iterator[CheckResult]:
    allowance = freshness_allowance(standing.own, standing.inherited)
    if _has_nothing_to_say(allowance.number, standing.freshness_status):
        return
    declared = Freshness(
        name=standing.name,
        allowance=allowance,
        active=standing.active,
        paused=standing.paused,
        timezone=timezone_of(pipeline),
    )
    loads = Loads(
        created_at=standing.created_at,
        last_insert=standing.last_insert,
        last_update=standing.last_update,
        last_soft_delete=standing.last_soft_delete,
    )
    yield _result(standing, FRESHNESS, judge_freshness(declared, loads, now=now), now)


def _timeliness(standing: "TimingInputs", pipeline: Pipeline | None, now: datetime) -> Iterator[CheckResult]:
    allowance = timeliness_allowance(standing.own, standing.inherited)
    if _has_nothing_to_say(allowance.number, standing.timeliness_status):
        return
    declared = Timeliness(
        name=standing.name,
        allowance=allowance,
        active=standing.active,
        paused=standing.paused,
        timezone=timezone_of(pipeline),
    )

    def judged(run: Run) -> CheckResult:
        outcome = judge_timeliness(declared, run, now=now)
        return _result(standing, TIMELINESS, outcome, now, execution_id=run.execution_id if outcome.judged else None)

    due_at = None if pipeline is None else next_expected_run(pipeline, standing)
    still = [judged(_run(run)) for run in standing.open_runs]
    missing = judged(Run(due_at=due_at))
    ended = [judged(_run(run)) for run in standing.untimed_runs]
    latest = None if standing.latest_ended is None else judged(_run(standing.latest_ended))
    late = next((found for found in (*still, missing) if found.outcome.status is Status.FAIL), None)
    now_stands = late or latest or next(iter(still), missing)
    yield from (found for found in ended if found.outcome.judged and found.execution_id != now_stands.execution_id)
    yield now_stands


def _has_nothing_to_say(number: int | None, said: Status | None) -> bool:
    return number is None and said in (None, Status.SKIPPED)


def _run(seen: "RunTiming") -> Run:
    return Run(
        started_at=seen.started_at,
        ended_at=seen.ended_at,
        succeeded=seen.succeeded,
        execution_id=seen.execution_id,
    )


def _result(
    standing: "TimingInputs", check_name: str, outcome: Outcome, now: datetime, *, execution_id: int | None = None
) -> CheckResult:
    return CheckResult(
        asset=standing.asset,
        check_name=check_name,
        kind=check_name,
        outcome=outcome,
        judged_at=now,
        evaluated_at=now,
        pipeline_id=standing.pipeline_id,
        execution_id=execution_id,
    )
