"""`observe`, the command line: reads what is declared and recorded, runs pipelines, starts the UI.

Importing this package imports neither Dagster nor an engine, so that `observe --help` answers at once.
"""

from observe_dagster.cli.app import main

__all__ = ["main"]
