"""What certify found, as one JSON document."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from typing import Any

from observe_dagster.warehouse.certify.runner import CaseResult
from observe_dagster.warehouse.port.warehouse import Warehouse


def receipt(
    warehouse: Warehouse, *, server: str, schema: str, now: datetime, results: Sequence[CaseResult]
) -> dict[str, Any]:
    """The versions, the engine's capabilities and each case's result; nothing of the connection but its id."""
    dialect = warehouse.dialect
    counted = Counter(result.result for result in results)
    return {
        "connection_id": warehouse.connection_id,
        "engine": dialect.title,
        "date": now.isoformat(timespec="seconds"),
        "schema": schema,
        "versions": {
            "observe_dagster": version("observe_dagster"),
            "server": server,
            **{name: version(name) for name in (*dialect.drivers, "pyarrow")},
        },
        "capabilities": asdict(dialect.capabilities),
        "passed": counted["pass"],
        "failed": counted["fail"],
        "not_offered": counted["not offered"],
        "seconds": round(sum(result.seconds for result in results), 1),
        "cases": [
            {
                "case": result.case.name,
                "subject": result.case.subject,
                "result": result.result,
                "seconds": round(result.seconds, 3),
                "observed": result.observed,
            }
            for result in results
        ],
    }
