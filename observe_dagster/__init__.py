"""Warehouse sync and data observability as a Dagster code location.

`WarehouseSync` is the Dagster Component and `build_definitions` the plain way in. The other builders make checks and
alerts for assets that others make. All of them load Dagster when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observe_dagster.orchestration.build import build_definitions
    from observe_dagster.orchestration.builders import (
        build_alert_sensor,
        build_anomaly_checks,
        build_freshness_checks,
        build_timeliness_checks,
        build_watch_sensor,
        observe_resource,
    )
    from observe_dagster.orchestration.checks.datafold.builders import build_datafold_checks, build_datafold_sensor
    from observe_dagster.orchestration.component.component import WarehouseSync
    from observe_dagster.orchestration.sensors.publishers import build_watcher_sensor

__all__ = [
    "WarehouseSync",
    "build_alert_sensor",
    "build_anomaly_checks",
    "build_datafold_checks",
    "build_datafold_sensor",
    "build_definitions",
    "build_freshness_checks",
    "build_timeliness_checks",
    "build_watch_sensor",
    "build_watcher_sensor",
    "observe_resource",
]

_MODULES = {
    "WarehouseSync": "component.component",
    "build_datafold_checks": "checks.datafold.builders",
    "build_datafold_sensor": "checks.datafold.builders",
    "build_definitions": "build",
    "build_watcher_sensor": "sensors.publishers",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.orchestration.{_MODULES.get(name, 'builders')}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
