"""A Dagster instance on disk, a ledger, a receiver, and the sensor that tells it what fails."""

import dataclasses
import gc
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, TickData, TickStatus
from dagster._utils.error import SerializableErrorInfo

from observe_dagster.config.models.alerts import Alerting
from observe_dagster.config.project import Project
from observe_dagster.embedded import create_database
from observe_dagster.ledger import Ledger, Outbox
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.sensors.alerts import ALERT_SENSOR, alert_sensor
from observe_dagster.settings import Settings
from tests.fakes.receiver import Receiver

_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC")
_RUN = re.compile(r"runs/[0-9a-f-]{36}")


class Watch:
    """Assets that are not ours, their checks, and one process that alerts about them."""

    def __init__(self, instance: dg.DagsterInstance, ledger_url: str, folder: Path, receiver: Receiver) -> None:
        self.instance, self.receiver = instance, receiver
        self.settings = Settings(
            home=folder, defs=folder, database_url=ledger_url, ui_url="http://dagster.example:3000"
        )
        self.offset = timedelta()
        self.cursor: str | None = None
        self.declare()

    def declare(self, *, project: Project | None = None, **alerts: Any) -> None:
        """Alert as declared; one channel `team` goes to the receiver."""
        channels = [{"id": "team", "name": "The team", "url": self.receiver.url()}]
        alerting = Alerting.model_validate({"channels": channels, **alerts})
        self.project = dataclasses.replace(project or Project(), alerting=alerting)
        if hasattr(self, "observe"):
            self.observe.close()
        self.observe = self.process()
        sensor = alert_sensor(self.project, settle_time=timedelta())
        assert sensor is not None
        self.sensor = sensor
        self.definitions = dg.Definitions(
            assets=[orders, dg.AssetSpec("events", owners=["team:events"])], sensors=[sensor], jobs=[nightly]
        )

    def process(self, settings: Settings | None = None) -> ObserveResource:
        """What one more daemon works with."""
        return ObserveResource(self.project, settings or self.settings, clock=lambda: datetime.now(UTC) + self.offset)

    def later(self, **by: float) -> None:
        """Let the daemons' clock be that much ahead of the events'."""
        self.offset = timedelta(**by)

    def instigator_ticked(self, name: str, status: str) -> None:
        """Write down a tick of a sensor, as Dagster's daemon does."""
        origin = RemoteInstigatorOrigin(
            repository_origin=RemoteRepositoryOrigin(
                code_location_origin=RegisteredCodeLocationOrigin("elsewhere"), repository_name="__repository__"
            ),
            instigator_name=name,
        )
        state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING)
        if self.instance.get_instigator_state(origin.get_id(), state.selector_id) is None:
            self.instance.add_instigator_state(state)
        error = SerializableErrorInfo("ValueError: no token\n", [], "ValueError") if status == "FAILURE" else None
        now = datetime.now(UTC).timestamp()
        self.instance.create_tick(
            TickData(
                instigator_origin_id=origin.get_id(),
                instigator_name=name,
                instigator_type=InstigatorType.SENSOR,
                status=TickStatus(status),
                timestamp=now,
                end_timestamp=now,
                selector_id=state.selector_id,
                error=error,
            )
        )

    def evaluate(self, *, passed: bool, check: str = "amounts_are_positive", **facts: Any) -> None:
        """Report an evaluation of a check of `orders`, as a run or the REST endpoint does."""
        evaluation = dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey("orders"), check_name=check, passed=passed, description="3 rows are below 0.", **facts
        )
        self.instance.report_runless_asset_event(evaluation)

    def tick(self, observe: ObserveResource | None = None, cursor: str | None = None) -> str:
        """One tick of the sensor; what it says."""
        repository = self.definitions.get_repository_def()
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=cursor or self.cursor,
            resources={"observe": observe or self.observe},
            repository_def=repository,
        ) as context:
            data = repository.get_sensor_def(ALERT_SENSOR).evaluate_tick(context)
            self.cursor = data.cursor
        assert data.skip_message is not None
        return data.skip_message

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.receiver.messages]

    @property
    def texts(self) -> list[str]:
        """What arrived, with every time and run id made the same."""
        texts = [f"{message['title']}\n\n{message['message']}" for message in self.receiver.messages]
        return [_RUN.sub("runs/RUN", _TIME.sub("2024-03-01 12:00 UTC", text)) for text in texts]

    def run(self, *, fail: bool, tags: dict[str, str] | None = None) -> str:
        """Materialize `orders`; the run's id."""
        return dg.materialize(
            [orders],
            instance=self.instance,
            run_config={"ops": {"orders": {"config": {"fail": fail}}}},
            raise_on_error=False,
            tags=tags,
        ).run_id

    def run_job(self, *, fail: bool) -> None:
        """Run a job without assets."""
        config = {"ops": {"clean": {"config": {"fail": fail}}}}
        nightly.execute_in_process(instance=self.instance, run_config=config, raise_on_error=False)

    @property
    def ledger(self) -> Ledger:
        return self.observe.ledger

    @property
    def outbox(self) -> Outbox:
        return self.ledger.outbox


class OrdersConfig(dg.Config):
    """Whether to fail."""

    fail: bool = False


@dg.asset(owners=["team:sales"], tags={"tier": "gold"}, group_name="sales")
def orders(config: OrdersConfig) -> None:
    """Fails when told to."""
    if config.fail:
        raise ValueError("the source is gone\nand more")


@dg.op(config_schema={"fail": dg.Field(bool, default_value=False)})
def clean(context: dg.OpExecutionContext) -> None:
    if context.op_config["fail"]:
        raise RuntimeError("disk full")


@dg.job
def nightly() -> None:
    clean()


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """An instance on disk, one for a module: making one takes a second."""
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as opened:
        yield opened
    gc.collect()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where messages arrive."""
    with Receiver() as running:
        yield running


@pytest.fixture
def watch(instance: dg.DagsterInstance, ledger_url: str, tmp_path: Path, receiver: Receiver) -> Iterator[Watch]:
    """A sensor that has had its first tick."""
    opened = Watch(instance, ledger_url, tmp_path, receiver)
    opened.tick()
    yield opened
    opened.observe.close()


@pytest.fixture(scope="module")
def module_ledger_url(postgres_url: str, migrated_template: str, request: pytest.FixtureRequest) -> str:
    """A ledger's database for a module: making one for each test would take most of the time."""
    return create_database(postgres_url, request.module.__name__.rpartition(".")[2], template=migrated_template)


@pytest.fixture
def ledger_url(module_ledger_url: str) -> str:
    """The module's database, emptied."""
    with psycopg.connect(module_ledger_url) as direct:
        direct.execute("TRUNCATE observe.alert, observe.publication, observe.pipeline, observe.connection CASCADE")
    return module_ledger_url


@pytest.fixture
def query(ledger_url: str) -> Callable[[str], list[Any]]:
    """Ask the ledger's database directly."""

    def ask(statement: str) -> list[Any]:
        with psycopg.connect(ledger_url) as direct:
            return direct.execute(statement.encode()).fetchall()

    return ask
