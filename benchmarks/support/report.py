"""A table on the terminal and the same figures as JSON."""

import argparse
import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parents[1] / "results"


_PACKAGES = ("dagster", "sqlalchemy", "psycopg", "adbc-driver-postgresql", "duckdb", "pyarrow", "sqlglot", "pydantic")


class _Options(argparse.ArgumentParser):
    """Options whose figures go beside those of a full run only when they are of one."""

    def parse_args(self, *given: Any, **more: Any) -> Any:
        chosen = super().parse_args(*given, **more)
        if getattr(chosen, "quick", False) and chosen.json.parent == RESULTS:
            chosen.json = RESULTS / "quick" / chosen.json.name
        return chosen


def parser(description: str | None, name: str) -> argparse.ArgumentParser:
    """Options that every benchmark has."""
    options = _Options(description=description)
    options.add_argument("--json", type=Path, default=RESULTS / f"{name}.json", help="where the figures are written")
    return options


def show(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows that all have the same keys."""
    table = Table(title=title, title_justify="left")
    for name in rows[0]:
        table.add_column(name, justify="right" if isinstance(rows[0][name], int | float) else "left")
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    Console(width=None if os.isatty(1) else 140).print(table)


def write(path: Path, **figures: Any) -> None:
    """Write the figures, with the machine they are from."""
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "load": [round(value, 1) for value in os.getloadavg()],
        "versions": {name: version(name) for name in _PACKAGES},
    }
    told = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine, **figures}
    path.write_text(json.dumps(told, indent=2, default=str) + "\n")


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"
    return str(value)
