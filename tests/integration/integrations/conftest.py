"""A ledger for the module, emptied for each test, and facts to tell."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from observe_dagster.embedded import create_database
from observe_dagster.integrations.http import Client
from observe_dagster.integrations.monte_carlo.enqueue import enqueue
from observe_dagster.integrations.monte_carlo.resources import Resource, Resources
from observe_dagster.integrations.monte_carlo.sender import MonteCarlo
from observe_dagster.ledger import DeliveryReport, Ledger, Outbox, deliver
from tests.conftest import Clock
from tests.fakes.monte_carlo import KEY, FakeMonteCarlo

RESOURCES = Resources(
    of_connections={
        "wh": Resource(uuid="uuid-wh", resource_type="snowflake", log_type="snowflake"),
        "lake": Resource(uuid="uuid-lake", resource_type="duckdb"),
    }
)


@pytest.fixture(scope="module")
def module_ledger_url(postgres_url: str, migrated_template: str, request: pytest.FixtureRequest) -> str:
    """A ledger's database for a module: making one for each test would take most of the time."""
    return create_database(postgres_url, request.module.__name__.rpartition(".")[2], template=migrated_template)


@pytest.fixture
def ledger_url(module_ledger_url: str) -> str:
    """The module's database, emptied."""
    with psycopg.connect(module_ledger_url) as direct:
        direct.execute(
            "TRUNCATE observe.publication, observe.request_slot, observe.pipeline, observe.connection CASCADE"
        )
    return module_ledger_url


@pytest.fixture
def outbox(ledger: Ledger) -> Outbox:
    """An empty outbox."""
    return ledger.outbox


@pytest.fixture
def gateway() -> Iterator[FakeMonteCarlo]:
    """Monte Carlo."""
    with FakeMonteCarlo() as running:
        yield running


@pytest.fixture
def tell(ledger: Ledger, clock: Clock) -> Callable[..., int]:
    """Take facts in, each under a key of its own."""
    numbers = iter(range(10_000_000))

    def take(*facts: object, **more: object) -> int:
        with ledger.transaction() as tx:
            return enqueue(tx, [(str(next(numbers)), fact) for fact in facts], RESOURCES, now=clock(), **more)

    return take


@pytest.fixture
def push(outbox: Outbox, gateway: FakeMonteCarlo, clock: Clock) -> Callable[..., DeliveryReport]:
    """One round of delivery."""

    def once(*, wire_format: str = "sdk", seconds: float = 20.0, key: dict[str, str] = KEY) -> DeliveryReport:
        with Client(gateway.url, key, system="Monte Carlo", timeout=2.0) as client:
            vendor = MonteCarlo(client, RESOURCES, wire_format=wire_format)
            return deliver(outbox, vendor, clock=clock, seconds=seconds)

    return once
