"""Every key, name and tag in Dagster: made here, so that they are safe to use and never collide."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import dagster as dg

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.records import SyncRange, TableName
from observe_dagster.spans import iso

SYNC_JOB = "sync"
MONITORS_JOB = "monitors"
PRUNE_JOB = "prune_ledger"
RUN_ONCE_SENSOR = "run_once_pipelines"
REAPER_SENSOR = "abandoned_runs"
CHECK_STATUS_SENSOR = "check_status"
REMOTE_RUNS_SENSOR = "warehouse_sync_runs"

PIPELINE_TAG = "observe/pipeline"
CONNECTION_TAG = "observe/connection"
LOGICAL_DATE_TAG = "observe/logical_date"
RUN_TYPE_TAG = "observe/run_type"
RANGE_START_TAG = "observe/range_start"
RANGE_END_TAG = "observe/range_end"
WINDOWS_TAG = "observe/windows"
"""On runs of partitions only: several are requested at once, and the instance lets them through one by one."""


def asset_key(connection_id: str, table: TableName) -> dg.AssetKey:
    """The key of a table in a connection; the table that one pipeline writes and another reads has one key."""
    return dg.AssetKey([connection_id, table.schema, table.table])


def destination_key(pipeline: Pipeline) -> dg.AssetKey:
    """The key of the table that a pipeline writes."""
    return dg.AssetKey(list(pipeline.table_key))


def safe_names(ids: Iterable[str]) -> dict[str, str]:
    """A Dagster name for each id, unique among them: letters, digits and `_`; reads as the id does.

    An id that is a name already keeps it. Among ids that would share a name, those that had to change get a digest.
    """
    plain = {declared_id: re.sub(r"[^A-Za-z0-9_]", "_", declared_id) for declared_id in ids}
    shared = Counter(plain.values())
    return {
        declared_id: name
        if declared_id == name or shared[name] == 1
        else f"{name}_{hashlib.sha256(declared_id.encode()).hexdigest()[:8]}"
        for declared_id, name in plain.items()
    }


def op_name(safe_name: str) -> str:
    """The op of a pipeline: what its run config is addressed to."""
    return f"sync_{safe_name}"


def schedule_name(safe_name: str) -> str:
    """The schedule of a pipeline."""
    return f"{safe_name}_schedule"


def scoped(name: str, scope: str) -> str:
    """The name of something that all pipelines of one build share; `scope` tells several builds apart.

    A job may not be named as an op is: ops begin with `sync_`, scoped jobs do not.
    """
    return f"warehouse_{name}_{re.sub(r'[^A-Za-z0-9_]', '_', scope)}" if scope else name


def group_name(pipeline: Pipeline) -> str:
    """The group that was declared, or else the destination's schema."""
    return pipeline.group or safe_group(pipeline.destination.schema_)


def safe_group(name: str) -> str:
    """A group name that Dagster accepts, as close to `name` as can be."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name)


def run_tags(pipeline: Pipeline) -> dict[str, str]:
    """The tags by which runs of a pipeline are found and limited."""
    return {PIPELINE_TAG: pipeline.id, CONNECTION_TAG: pipeline.destination.connection_id}


def range_tags(planned: SyncRange) -> dict[str, str]:
    """The tags that say what a run covers."""
    tags = {LOGICAL_DATE_TAG: instant_text(planned.logical_date)}
    if planned.start is not None:
        tags[RANGE_START_TAG] = planned.start
    if planned.end is not None:
        tags[RANGE_END_TAG] = planned.end
    return tags


def instant_text(instant: datetime) -> str:
    """A time as people read it in a tag: ISO 8601 in UTC, to the second where it is on one."""
    return iso(instant)


STATUS_KEY = "observe/status"
KIND_KEY = "observe/kind"
PIPELINE_KEY = "observe/pipeline"
