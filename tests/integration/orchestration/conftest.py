"""A shop's database in PostgreSQL, a lake in DuckDB, and the Dagster definitions that sync between them."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import dagster as dg
import duckdb
import psycopg
import pytest

from observe_dagster.config import project_from_attributes
from observe_dagster.ledger import Ledger
from observe_dagster.orchestration.build import build_definitions
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.translator.keys import PIPELINE_TAG, SYNC_JOB, destination_key
from observe_dagster.settings import Settings


class Shop:
    """Pipelines between one source and one lake, run through Dagster at a time that a test sets."""

    password = "open-sesame-4711"

    def __init__(self, source_url: str, ledger_url: str, folder: Path, instance: dg.DagsterInstance) -> None:
        self.source_url = source_url
        self.lake = folder / "lake.duckdb"
        self.settings = Settings(
            home=folder, defs=folder, database_url=ledger_url, sync_attempts=1, retry_wait_seconds=0
        )
        self.now = datetime(2024, 3, 1, 12, 10, tzinfo=UTC)
        self.instance = instance
        self.source("CREATE TABLE orders (id int PRIMARY KEY, amount numeric(10,2), updated_at timestamptz NOT NULL)")
        self.declare()

    def source(self, statement: str) -> None:
        """Run a statement in the source."""
        with psycopg.connect(self.source_url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def order(self, number: int, updated_at: str, amount: str = "1.50") -> None:
        """Insert an order, or change it."""
        self.source(
            f"INSERT INTO orders VALUES ({number}, {amount}, '{updated_at}') ON CONFLICT (id) DO UPDATE "
            "SET amount = excluded.amount, updated_at = excluded.updated_at"
        )

    def rows(self, columns: str = "id", table: str = "analytics.orders") -> list[tuple[Any, ...]]:
        """What the lake holds."""
        with duckdb.connect(self.lake, read_only=True) as connection:
            return connection.execute(f"SELECT {columns} FROM {table} ORDER BY ALL").fetchall()

    def declare(self, *, beside: Mapping[str, Any] | None = None, **pipeline: Any) -> None:
        """Declare the pipeline `orders-hourly`, with some of its fields replaced, and other things `beside` it."""
        self.project = project_from_attributes(
            {**attributes(pipeline), **(beside or {})},
            source="shop.yaml",
            base_dir=self.lake.parent,
            environment=self.environment,
        )
        if hasattr(self, "observe"):
            self.observe.close()
        self.observe = ObserveResource(self.project, self.settings, clock=lambda: self.now)
        self.definitions = build_definitions(self.project, observe=self.observe)

    @property
    def environment(self) -> dict[str, str]:
        parts = urlsplit(self.source_url)
        user, _, place = parts.netloc.rpartition("@")
        netloc = f"{user.partition(':')[0]}:{self.password}@{place}"
        return {"SHOP_URL": urlunsplit(parts._replace(netloc=netloc)), "LAKE_PATH": str(self.lake)}

    @property
    def key(self) -> dg.AssetKey:
        return destination_key(self.project.pipelines[0])

    def run(
        self, config: Mapping[str, Any] | None = None, tags: Mapping[str, str] | None = None, **options: Any
    ) -> dg.ExecuteInProcessResult:
        """Run the pipeline through the shared job."""
        return self.definitions.resolve_job_def(SYNC_JOB).execute_in_process(
            instance=self.instance,
            resources=None,
            asset_selection=[self.key],
            run_config={"ops": {"sync_orders_hourly": {"config": dict(config)}}} if config else None,
            tags=dict(tags or {}),
            raise_on_error=False,
            **options,
        )

    def run_requested(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """Run what a schedule asked for."""
        return self.run(tags=request.tags)

    def metadata(self, result: dg.ExecuteInProcessResult) -> dict[str, Any]:
        """The metadata of the run's one materialization."""
        (materialization,) = result.asset_materializations_for_node("sync_orders_hourly")
        return {key: value.value for key, value in materialization.metadata.items()}

    def tick(self) -> list[dg.RunRequest] | str:
        """One tick of the pipeline's schedule: what it requests, or why it requests nothing."""
        repository = self.definitions.get_repository_def()
        schedule = repository.get_schedule_def("orders_hourly_schedule")
        with dg.build_schedule_context(
            instance=self.instance,
            scheduled_execution_time=self.now,
            resources={"observe": self.observe},
            repository_def=repository,
        ) as context:
            data = schedule.evaluate_tick(context)
        return data.skip_message or list(data.run_requests or ())

    def unfinished(self) -> dg.DagsterRun:
        """Leave a run of the pipeline in Dagster's queue."""
        job = self.definitions.resolve_job_def(SYNC_JOB)
        return self.instance.create_run_for_job(
            job, status=dg.DagsterRunStatus.STARTED, tags={PIPELINE_TAG: "orders-hourly"}
        )

    @property
    def ledger(self) -> Ledger:
        return self.observe.ledger


def attributes(pipeline: Mapping[str, Any]) -> dict[str, Any]:
    """One pipeline from PostgreSQL to DuckDB, with fields replaced."""
    return {
        "connections": [
            {"id": "shop", "name": "Shop", "service_provider": "postgres", "config": {"url": "{{ env.SHOP_URL }}"}},
            {"id": "lake", "name": "Lake", "service_provider": "duckdb", "config": {"path": "{{ env.LAKE_PATH }}"}},
        ],
        "data_models": [
            {"id": "orders", "name": "Orders", "config": {"sql_query": "SELECT id, amount, updated_at FROM orders"}}
        ],
        "pipelines": [
            {
                "id": "orders-hourly",
                "name": "Orders, hourly",
                "connection_id": "shop",
                "data_model_id": "orders",
                "destination": {
                    "connection_id": "lake",
                    "schema": "analytics",
                    "table": "orders",
                    "primary_key": ["id"],
                },
                "sync_mode": {
                    "type": "incremental",
                    "iterator_field": "updated_at",
                    "iterator_data_type": "timestamptz",
                },
                "schedule": {"type": "interval", "frequency": "hourly", "start": "2024-03-01T00:00:00Z"},
                **pipeline,
            }
        ],
    }


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in memory."""
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


@pytest.fixture
def shop(
    make_database: Callable[[], str], ledger_url: str, tmp_path: Path, instance: dg.DagsterInstance
) -> Iterator[Shop]:
    """A shop with an empty `orders` table, at 12:10 on a day whose hours are intervals."""
    opened = Shop(make_database(), ledger_url, tmp_path, instance)
    yield opened
    opened.observe.close()
