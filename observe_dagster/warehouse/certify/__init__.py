"""The cases that every engine must pass: run in the tests, and by `observe connections certify` on a user's account."""

from observe_dagster.warehouse.certify.cases import Case, all_cases
from observe_dagster.warehouse.certify.receipt import receipt
from observe_dagster.warehouse.certify.runner import CaseResult, certify, run_case
from observe_dagster.warehouse.certify.sandbox import Sandbox

__all__ = ["Case", "CaseResult", "Sandbox", "all_cases", "certify", "receipt", "run_case"]
