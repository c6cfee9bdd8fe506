"""Lineage of tables and columns, and ingested SQL."""

from collections.abc import Iterable
from datetime import datetime

from observe_dagster.ledger.lineage.edges import replace_lineage
from observe_dagster.ledger.lineage.rows import Direction, IngestReport, LineageEdge, LineageGraph, LineageNode, Script
from observe_dagster.ledger.lineage.scripts import ingest
from observe_dagster.ledger.lineage.walk import DEFAULT_DEPTH, find, walk
from observe_dagster.ledger.session import LedgerSession


class LineageStore(LedgerSession):
    """Lineage of tables and columns, and ingested SQL."""

    def find(self, path: str) -> LineageNode:
        """The table or column of a path such as `db.schema.table.column`; case sensitive, odd parts quoted.

        Leading parts may be left out where only one table or column has the rest. Raises NotFoundError, and
        LedgerError where several have.
        """
        with self._begin() as db:
            return find(db, path)

    def explore(self, path: str, direction: Direction, *, max_depth: int = DEFAULT_DEPTH) -> LineageGraph:
        """What the table or column of a path is made from, or what is made from it, up to 1 to 99 edges away."""
        with self._begin() as db:
            return walk(db, find(db, path), direction, max_depth)

    def upstream(self, path: str, *, max_depth: int = DEFAULT_DEPTH) -> LineageGraph:
        """What the table or column of a path is made from."""
        return self.explore(path, "upstream", max_depth=max_depth)

    def downstream(self, path: str, *, max_depth: int = DEFAULT_DEPTH) -> LineageGraph:
        """What is made from the table or column of a path."""
        return self.explore(path, "downstream", max_depth=max_depth)

    def ingest(self, script: Script, *, now: datetime) -> IngestReport:
        """Write the assets and edges of a script, in place of those of its earlier text."""
        with self._begin() as db:
            return ingest(db, script, now=now)

    def replace(self, pipeline_id: str, edges: Iterable[LineageEdge]) -> None:
        """Make these the pipeline's edges; other pipelines keep theirs, also when they are the same."""
        with self._begin() as db:
            replace_lineage(db, pipeline_id, edges)
