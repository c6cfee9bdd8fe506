"""Warehouse sync and data observability as a Dagster code location.

`WarehouseSync` is the Dagster Component and `build_definitions` the plain way in; both load Dagster when first used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observe_dagster.orchestration.build import build_definitions
    from observe_dagster.orchestration.component import WarehouseSync

__all__ = ["WarehouseSync", "build_definitions"]


def __getattr__(name: str) -> object:
    if name == "WarehouseSync":
        from observe_dagster.orchestration.component import WarehouseSync

        return WarehouseSync
    if name == "build_definitions":
        from observe_dagster.orchestration.build import build_definitions

        return build_definitions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
