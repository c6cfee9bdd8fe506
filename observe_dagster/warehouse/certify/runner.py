"""Runs the cases, one after the other, in a schema of their own."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from observe_dagster.errors import ObserveError
from observe_dagster.warehouse.certify.cases import Case
from observe_dagster.warehouse.certify.expectations import CaseFailedError, NotOfferedError
from observe_dagster.warehouse.certify.sandbox import Sandbox
from observe_dagster.warehouse.certify.trial import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """How a case ended; `observed` is what was seen, or why it failed or is not offered."""

    case: Case
    result: Literal["pass", "fail", "not offered"]
    seconds: float
    observed: str


def certify(
    sandbox: Sandbox,
    cases: Sequence[Case],
    *,
    on_result: Callable[[CaseResult], None] = lambda _: None,
) -> list[CaseResult]:
    """Run cases in an open sandbox."""
    results: list[CaseResult] = []
    for number, case in enumerate(cases, start=1):
        results.append(run_case(case, Trial(sandbox, number)))
        on_result(results[-1])
    return results


def run_case(case: Case, trial: Trial) -> CaseResult:
    """Run one case; whatever it raises is its result."""
    started = time.monotonic()
    result: Literal["pass", "fail", "not offered"] = "fail"
    try:
        observed = case.run(trial)
        result = "pass"
    except NotOfferedError as error:
        result, observed = "not offered", str(error)
    except (CaseFailedError, ObserveError) as error:
        observed = str(error)
    except Exception as error:  # noqa: BLE001 (an adapter must not let a driver's own errors out: a failure like others)
        observed = f"{type(error).__name__}: {error}"
    return CaseResult(
        case=case,
        result=result,
        seconds=time.monotonic() - started,
        observed=" ".join(observed.split()),
    )
