"""Contestants side by side: each measurement is a process of its own, and every round goes through all of them.

Machines are noisy: a contestant that ran through all its repetitions in one go would have all of a bad minute.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

from benchmarks.support.child import ROOT

CHILD = "--child"
Key = TypeVar("Key", bound=Hashable)
Answer = dict[str, Any]


def start(
    module: str, told: Mapping[str, Any], environment: Mapping[str, str] | None = None
) -> "subprocess.Popen[str]":
    """Start a benchmark as a child that is told something; its last line says in JSON what it measured."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.{module}", CHILD, json.dumps(told)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def answer(process: "subprocess.Popen[str]") -> Answer:
    """Wait for a child and return what it measured."""
    out, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"a child ended with {process.returncode}")
    return json.loads(out.splitlines()[-1])


def ask(module: str, told: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Answer:
    """Run a child from start to end."""
    with start(module, told, environment) as process:
        return answer(process)


def in_turn(contestants: Mapping[Key, Callable[[], Answer]], rounds: int) -> dict[Key, list[Answer]]:
    """Measure every contestant once in each round, forwards and backwards by turns."""
    answers: dict[Key, list[Answer]] = {key: [] for key in contestants}
    for number in range(rounds):
        order = list(contestants) if number % 2 == 0 else list(reversed(contestants))
        for key in order:
            answers[key].append(contestants[key]())
    return answers


def median(answers: Sequence[Answer], name: str) -> float:
    """The middle one of what all rounds measured."""
    return statistics.median(each[name] for each in answers)


def spread(answers: Sequence[Answer], name: str) -> int:
    """Half of the way from the least to the most, in percent of the median."""
    values = [each[name] for each in answers]
    middle = statistics.median(values)
    return round(50 * (max(values) - min(values)) / middle) if middle else 0
