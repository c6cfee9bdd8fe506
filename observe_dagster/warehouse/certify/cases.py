"""The table of cases."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from observe_dagster.warehouse.certify.trial import Trial

SUBJECTS = (
    "privileges",
    "types",
    "text",
    "times",
    "names",
    "write_modes",
    "rejects",
    "schema",
    "commits",
    "conflicts",
    "run_record",
    "reading",
    "diffs",
    "staging",
)
"""The modules of this package that have cases, in the order in which they run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case: `run` returns what was observed, or raises CaseFailedError, NotOfferedError or the engine's error."""

    name: str
    subject: str
    run: Callable[[Trial], str]


_registered: list[Case] = []


def case(function: Callable[[Trial], str]) -> Callable[[Trial], str]:
    """Register a function as a case; its name is the sentence that must be true."""
    module = function.__module__.rpartition(".")[2]
    _registered.append(Case(name=function.__name__.replace("_", " "), subject=module, run=function))
    return function


def all_cases() -> tuple[Case, ...]:
    """Every case, by subject."""
    for subject in SUBJECTS:
        import_module(f"{__package__}.{subject}")
    return tuple(sorted(_registered, key=lambda each: SUBJECTS.index(each.subject)))
