"""A vendor that is added by one module and one row: its sensor, its deliveries, its receipts and its ticks."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from observe_dagster.config.project import Project
from observe_dagster.integrations.registry import PUBLISHERS, secrets
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.sensors.publishers import publishing_sensors
from observe_dagster.settings import Settings
from tests.fakes import catalog
from tests.fakes.json_api import Answer, JsonApi
from tests.paths import ROOT

ORDERS = dg.AssetKey("orders")
TABLE = {"dagster/table_name": "shop.public.orders"}


class CatalogApi(JsonApi):
    """Keeps the row counts of tables."""

    routes = (("POST", "/tables", "table"),)

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, list[int]] = {}

    def authorized(self, headers) -> bool:
        return headers["authorization"] == "Bearer catalog-token-41"

    def table(self, *, query, body) -> Answer:
        self.rows.setdefault(body["table"]["name"], []).append(body["row_count"])
        return 200, {"id": len(self.rows), "message": "Noted."}


class Location:
    """A code location with one asset, and the sensor of the catalog."""

    def __init__(self, api: CatalogApi, ledger_url: str, folder: Path) -> None:
        environment = {"CATALOG_URL": api.url, "CATALOG_TOKEN": "catalog-token-41"}
        settings = Settings(home=folder, defs=folder, database_url=ledger_url, publish_assets="orders")
        self.api, self.observe = api, ObserveResource(Project(), settings)
        sensors = publishing_sensors(
            Project(),
            settings,
            settle_time=timedelta(),
            environment=environment,
            publishers=[*PUBLISHERS, catalog.ENTRY],
        )
        assets = [dg.AssetSpec(ORDERS, metadata=TABLE), dg.AssetSpec("unrelated")]
        self.repository = dg.Definitions(assets=assets, sensors=sensors).get_repository_def()
        self.instance = dg.DagsterInstance.ephemeral()
        self.cursor: str | None = None
        self.tick()

    def materialized(self, *rows: int) -> None:
        for number in rows:
            materialization = dg.AssetMaterialization(ORDERS, metadata={"dagster/row_count": number})
            self.instance.report_runless_asset_event(materialization)

    def tick(self) -> str:
        (sensor,) = self.repository.sensor_defs
        resources = {"observe": self.observe}
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources=resources, repository_def=self.repository
        ) as context:
            data = sensor.evaluate_tick(context)
        self.cursor = data.cursor
        assert data.skip_message is not None
        return data.skip_message


@pytest.fixture
def location(ledger_url, tmp_path) -> Iterator[Location]:
    with CatalogApi() as api:
        opened = Location(api, ledger_url, tmp_path)
        yield opened
        opened.observe.close()
        opened.instance.dispose()


def test_materializations_arrive_in_order_and_the_asset_shows_the_receipt(location):
    location.materialized(7, 8)
    location.instance.report_runless_asset_event(dg.AssetMaterialization("unrelated"))

    assert location.tick() == "2 enqueued, 2 sent (2 table metadata), 0 pending."
    assert location.tick() == "0 enqueued, 0 sent, 0 pending."
    assert location.api.rows == {"orders": [7, 8]}
    (observed,) = location.instance.fetch_observations(ORDERS, limit=5).records
    metadata = observed.asset_observation.metadata
    assert metadata["observe/catalog_message"].value == "Noted."
    assert metadata["observe/catalog_receipts"].value == (
        "`observe publications list --publisher catalog --key /shop/public/orders`"
    )


def test_what_is_refused_is_dead_lettered_and_what_fails_is_retried(location):
    location.materialized(7, 8, 9)
    location.api.failures = [422, 500]

    tick = location.tick()
    location.observe.ledger.outbox.make_due("catalog", now=location.observe.clock() + timedelta(hours=1))
    location.observe.clock = lambda now=location.observe.clock: now() + timedelta(hours=2)

    assert tick.startswith("3 enqueued, 0 sent, 2 pending, 1 dead-lettered")
    assert 'Catalog answered 500: {"detail": "told to fail"}' in tick
    assert "catalog-token-41" not in tick
    assert location.tick().startswith("0 enqueued, 2 sent (2 table metadata), 0 pending, 1 dead-lettered")
    assert location.api.rows == {"orders": [8, 9]}


def test_it_has_no_sensor_while_it_is_off(tmp_path):
    settings = Settings(home=tmp_path, defs=tmp_path, publish_assets="*")

    assert publishing_sensors(Project(), settings, environment={}, publishers=[catalog.ENTRY]) == []


def test_its_secret_is_masked():
    assert secrets({"CATALOG_TOKEN": "catalog-token-41"}, [catalog.ENTRY]) == ("catalog-token-41",)


def test_the_architecture_page_shows_this_vendor():
    page = (ROOT / "docs" / "architecture.md").read_text()
    source = Path(catalog.__file__).read_text()
    shown = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)

    assert [block for block in shown if "CatalogPublisher" in block] == [source[source.index("@dataclass") :]]
