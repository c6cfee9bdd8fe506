"""All that is used of Dagster's private modules: nothing else in the package imports from them.

The comment above each import says what it is needed for, which Dagster offers no public name for. What
`import dagster` does not load is loaded when it is asked for: SQLAlchemy comes with it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# The type of a tick's sensor or schedule.
from dagster._core.definitions.run_request import InstigatorType

# What `dg.define_asset_job` returns.
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

# The arguments of `dg.Executor.execute`, and the types of its two abstract properties.
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.execution.step_dependency_config import StepDependencyConfig

# An instance opened with settings other than those of its dagster.yaml.
from dagster._core.instance.ref import InstanceRef

# Whether the latest planned execution of a check was evaluated.
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

# The interface of a class that dagster.yaml names.
from dagster._serdes import ConfigurableClass, ConfigurableClassData

if TYPE_CHECKING:
    # The latest ticks of all sensors and schedules that are switched on.
    from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorTick, TickStatus

    # The base of a storage that dagster.yaml names.
    from dagster._core.storage.base_storage import DagsterStorage

    # Events of several runs by their ids, on SQLite too.
    from dagster._core.storage.event_log import SqlEventLogStorage

NO_COMPUTE_LOGS = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
"""For `compute_logs` in dagster.yaml: what runs print is not kept."""

_LAZY = {
    "DagsterStorage": "dagster._core.storage.base_storage",
    "InstigatorState": "dagster._core.scheduler.instigation",
    "InstigatorStatus": "dagster._core.scheduler.instigation",
    "InstigatorTick": "dagster._core.scheduler.instigation",
    "SqlEventLogStorage": "dagster._core.storage.event_log",
    "TickStatus": "dagster._core.scheduler.instigation",
}

__all__ = [
    "NO_COMPUTE_LOGS",
    "AssetCheckExecutionRecordStatus",
    "ConfigurableClass",
    "ConfigurableClassData",
    "DagsterStorage",
    "ExecutionPlan",
    "InstanceRef",
    "InstigatorState",
    "InstigatorStatus",
    "InstigatorTick",
    "InstigatorType",
    "PlanOrchestrationContext",
    "RetryMode",
    "SqlEventLogStorage",
    "StepDependencyConfig",
    "TickStatus",
    "UnresolvedAssetJobDefinition",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
