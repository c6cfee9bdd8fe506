"""Schema monitors: the columns of a table, their order and their types."""

from typing import Literal

from observe_dagster.config.models.diff import ConnectionId
from observe_dagster.config.models.monitors.common import MonitorCommon
from observe_dagster.config.models.monitors.metric import Pattern
from observe_dagster.config.models.monitors.tables import TablePath


class SchemaMonitor(MonitorCommon):
    """Fails when columns appear, disappear, move or change their type; the first run learns what there is."""

    type: Literal["schema"]
    connection_id: ConnectionId | None = None
    table: TablePath | None = None
    include_tables: Pattern | None = None
    exclude_tables: Pattern | None = None
