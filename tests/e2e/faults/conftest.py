"""Shops to break."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from observe_dagster.ledger import Ledger
from tests.e2e.faults.faulty import FaultyShop, faulty_shop

MakeShop = Callable[..., FaultyShop]


@pytest.fixture
def make_shop(make_database: Callable[[], str], ledger: Ledger, tmp_path: Path) -> Iterator[MakeShop]:
    """Open a shop with a destination and a write mode; `source` and `place` may be databases of another server."""
    with ExitStack() as opened:

        def make(target: str, write_mode: str, *, source: str | None = None, place: str | None = None) -> FaultyShop:
            default = make_database() if target == "postgres" else str(tmp_path / "lake.duckdb")
            return opened.enter_context(
                faulty_shop(
                    target,
                    write_mode,
                    source=source or make_database(),
                    place=place or default,
                    folder=tmp_path,
                    ledger=ledger,
                )
            )

        yield make
