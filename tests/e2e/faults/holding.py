"""What somebody else may hold while a sync needs it."""

from multiprocessing.synchronize import Event

import duckdb

LEDGER = "LOCK TABLE observe.pipeline_execution IN ACCESS EXCLUSIVE MODE"
TARGET = "LOCK TABLE analytics.items IN ACCESS EXCLUSIVE MODE"


def hold_file(path: str, held: Event, free: Event) -> None:
    """Hold a DuckDB file until told to let go, as another program would."""
    with duckdb.connect(path):
        held.set()
        free.wait(60)
