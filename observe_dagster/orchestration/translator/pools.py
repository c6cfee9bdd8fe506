"""Dagster's pools: runs that write a database of one writer take turns."""

from collections.abc import Iterable

from observe_dagster.config.project import Project
from observe_dagster.warehouse import dialect_of


def pool_of(project: Project, connection_ids: Iterable[str]) -> str | None:
    """The first of these connections whose engine admits one writing process, and no reader beside it."""
    for connection_id in connection_ids:
        dialect = dialect_of(project.connection(connection_id))
        if dialect is not None and dialect.capabilities.single_writer:
            return connection_id
    return None
