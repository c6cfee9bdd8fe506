"""The ledger's front for lineage: what comes from what, and SQL taken in to tell it."""

from datetime import datetime

from observe_dagster.ledger.lineage.rows import Direction, IngestReport, LineageGraph, LineageNode, Script
from observe_dagster.ledger.lineage.scripts import ingest
from observe_dagster.ledger.lineage.walk import DEFAULT_DEPTH, find, walk
from observe_dagster.ledger.session import LedgerSession


class LineageStore(LedgerSession):
    """Lineage of tables and columns; on the engine of its ledger, which closes it."""

    def find(self, path: str) -> LineageNode:
        """The table or column of a path such as `db.schema.table.column`; case sensitive, odd parts quoted.

        Leading parts may be left out where only one table or column has the rest. Raises NotFoundError, and
        LedgerError where several have.
        """
        with self.transaction() as db:
            return find(db, path)

    def explore(self, path: str, direction: Direction, *, max_depth: int = DEFAULT_DEPTH) -> LineageGraph:
        """What the table or column of a path is made from, or what is made from it, up to 1 to 99 edges away."""
        with self.transaction() as db:
            return walk(db, find(db, path), direction, max_depth)

    def upstream(self, path: str, *, max_depth: int = DEFAULT_DEPTH) -> LineageGraph:
        """What the table or column of a path is made from."""
        return self.explore(path, "upstream", max_depth=max_depth)

    def downstream(self, path: str, *, max_depth: int = DEFAULT_DEPTH) -> LineageGraph:
        """What is made from the table or column of a path."""
        return self.explore(path, "downstream", max_depth=max_depth)

    def ingest(self, script: Script, *, now: datetime) -> IngestReport:
        """Take in the assets and edges of a script, in place of what it said before."""
        with self.transaction() as db:
            return ingest(db, script, now=now)
