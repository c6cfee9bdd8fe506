"""From Dagster's event log to the neighbours: what a materialization says, of our assets and of others."""

import dataclasses
import gc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from observe_dagster.config.project import Project
from observe_dagster.errors import SettingsError
from observe_dagster.integrations.datafold.settings import DatafoldSettings
from observe_dagster.integrations.datascale.settings import DatascaleSettings
from observe_dagster.integrations.monte_carlo.settings import MonteCarloSettings
from observe_dagster.integrations.publisher import PublisherContext
from observe_dagster.integrations.registry import PUBLISHERS, secrets
from observe_dagster.integrations.watcher.settings import WatcherSettings
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.sensors.publishers import publishing_sensors
from observe_dagster.settings import Settings
from tests.fakes.datascale import TOKEN, FakeDatascale
from tests.fakes.monte_carlo import KEY, FakeMonteCarlo
from tests.integration.ledger.declared_project import project as declared_project

ALL = {
    "MCD_INGEST_ID": "mc-id-31",
    "MCD_INGEST_TOKEN": "mc-token-32",
    "DATASCALE_TOKEN": "ds-token-33",
    "WATCHER_URL": "http://watcher.example",
    "WATCHER_AUTHORIZATION": "w-proxy-34",
    "DATAFOLD_API_KEY": "df-key-35",
}
FLIGHTS = dg.AssetKey(["lake", "analytics", "flights"])


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """An instance on disk, one for the module."""
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as opened:
        yield opened
    gc.collect()


class Neighbours:
    """Both sensors, and what they talk to."""

    def __init__(
        self, instance: dg.DagsterInstance, settings: Settings, project: Project, environment: dict[str, str]
    ) -> None:
        self.instance, self.settings, self.project = instance, settings, project
        self.observe = ObserveResource(project, settings)
        sensors = publishing_sensors(project, settings, settle_time=timedelta(), environment=environment)
        others = [
            dg.AssetSpec(
                "marts", deps=[FLIGHTS], metadata={"dagster/table_name": "lakehouse.gold.marts"}, kinds={"view"}
            ),
            dg.AssetSpec("unrelated"),
        ]
        self.repository = dg.Definitions(assets=[dg.AssetSpec(FLIGHTS), *others], sensors=sensors).get_repository_def()
        self.cursors: dict[str, str | None] = {}

    def tick(self, name: str) -> str:
        """One tick; what it says."""
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursors.get(name),
            resources={"observe": self.observe},
            repository_def=self.repository,
        ) as context:
            data = self.repository.get_sensor_def(name).evaluate_tick(context)
        self.cursors[name] = data.cursor
        assert data.skip_message is not None
        return data.skip_message

    def materialized(self, key: dg.AssetKey, **metadata: object) -> None:
        """Report a materialization."""
        self.instance.report_runless_asset_event(dg.AssetMaterialization(key, metadata=metadata))


@pytest.fixture
def neighbours(instance, ledger_url, tmp_path) -> Iterator[Neighbours]:
    """Both sensors, after their first tick."""
    declared = declared_project()
    with FakeMonteCarlo() as monte_carlo, FakeDatascale() as datascale:
        settings = Settings(
            home=tmp_path,
            defs=tmp_path,
            database_url=ledger_url,
            publish_assets="marts",
        )
        environment = {
            "MCD_INGEST_ID": KEY["x-mcd-id"],
            "MCD_INGEST_TOKEN": KEY["x-mcd-token"],
            "MCD_INGEST_URL": monte_carlo.url,
            "MCD_RESOURCE_UUID": "uuid-other",
            "MCD_RESOURCE_TYPE": "databricks",
            "DATASCALE_TOKEN": TOKEN,
            "DATASCALE_URL": datascale.url,
        }
        connections = tuple(
            each.model_copy(update={"monte_carlo_resource_uuid": f"uuid-{each.id}"}) for each in declared.connections
        )
        project = dataclasses.replace(declared, connections=connections)
        opened = Neighbours(instance, settings, project, environment)
        opened.monte_carlo, opened.datascale = monte_carlo, datascale
        opened.tick("monte_carlo")
        yield opened
        opened.observe.close()


def _schema(*names: str) -> dg.TableSchema:
    return dg.TableSchema(columns=[dg.TableColumn(name, "bigint") for name in names])


def test_a_sync_tells_metadata_and_lineage_and_its_asset_shows_the_receipt(neighbours):
    lineage = dg.TableColumnLineage(
        {"flight_id": [dg.TableColumnDep(dg.AssetKey(["ops", "public", "flights"]), "flight_id")]}
    )
    neighbours.materialized(
        FLIGHTS,
        **{
            "dagster/column_schema": _schema("flight_id"),
            "dagster/row_count": 7,
            "observe/table_bytes": 8192,
            "dagster/column_lineage": lineage,
        },
    )
    neighbours.materialized(dg.AssetKey("unrelated"), **{"dagster/row_count": 1})

    said = neighbours.tick("monte_carlo")

    gateway = neighbours.monte_carlo
    assert gateway.problems == []
    assert said == (
        "3 enqueued, 3 sent (1 column lineage, 1 table lineage, 1 table metadata), 0 pending. "
        "Monte Carlo takes no query logs of duckdb and postgres: those of ops, lake are not sent."
    )
    (asset,) = gateway.events("METADATA")
    told = asset["relational_asset"]
    assert (told["metadata"]["schema"], told["metadata"]["name"]) == ("analytics", "flights")
    assert (told["fields"], told["volume"]) == (
        [{"name": "flight_id", "type": "BIGINT"}],
        {"row_count": 7, "byte_count": 8192},
    )
    (columns,) = gateway.events("COLUMN_LINEAGE")
    assert (columns["sources"][0]["resource_uuid"], columns["destination"]["resource_uuid"]) == (
        "uuid-ops",
        "uuid-lake",
    )
    observed = neighbours.instance.fetch_observations(FLIGHTS, limit=1).records[0].asset_observation
    assert observed is not None
    sent = neighbours.observe.ledger.outbox.items("monte_carlo", states=["sent"])
    receipt = next(item.receipt for item in sent if item.kind == "table_metadata")
    assert observed.metadata["observe/monte_carlo_invocation_id"].value == receipt["invocation_id"]
    assert observed.metadata["observe/monte_carlo_status"].value == "202"
    assert "observe/monte_carlo_sent_at" in observed.metadata
    assert observed.metadata["observe/monte_carlo_receipts"].value == (
        "`observe publications list --publisher monte_carlo --key lake/lake/analytics/flights`"
    )


def receipts(neighbours, publisher):
    found = neighbours.instance.fetch_observations(FLIGHTS, limit=50).records
    return [each for each in found if f"observe/{publisher}_status" in each.asset_observation.metadata]


def test_a_receipt_is_shown_once_a_day_whatever_is_sent(neighbours):
    now, before = datetime.now(UTC), len(receipts(neighbours, "monte_carlo"))
    shown = []
    for hours in (0, 2, 4, 25):
        neighbours.observe.clock = lambda hours=hours: now + timedelta(hours=hours)
        neighbours.materialized(FLIGHTS, **{"dagster/row_count": hours})
        neighbours.tick("monte_carlo")
        shown.append(len(receipts(neighbours, "monte_carlo")) - before)

    assert len(neighbours.monte_carlo.events("METADATA")) == 4
    assert shown == [1, 1, 1, 2]


def test_an_asset_shows_what_datascale_took(neighbours):
    before = len(receipts(neighbours, "datascale"))
    neighbours.tick("datascale")
    neighbours.materialized(FLIGHTS, **{"dagster/column_schema": _schema("flight_id")})
    neighbours.tick("datascale")

    (shown,) = receipts(neighbours, "datascale")[before:]
    metadata = shown.asset_observation.metadata
    assert metadata["observe/datascale_message"].value.startswith("Successfully ingested")
    assert metadata["observe/datascale_status"].value == "200"


def test_a_selected_asset_of_others_is_told_under_its_table_name(neighbours):
    neighbours.materialized(dg.AssetKey("marts"), **{"dagster/row_count": 3})

    neighbours.tick("monte_carlo")

    (asset,) = neighbours.monte_carlo.events("METADATA")
    assert asset["relational_asset"]["type"] == "VIEW"
    assert asset["relational_asset"]["metadata"] == {"name": "marts", "database": "lakehouse", "schema": "gold"}
    (edge,) = neighbours.monte_carlo.events("LINEAGE")
    assert edge["sources"][0]["name"] == "flights"


def test_what_happens_while_the_receiver_is_down_arrives_once_it_is_back(neighbours):
    neighbours.monte_carlo.always = "reset"
    for rows in range(3):
        neighbours.materialized(FLIGHTS, **{"dagster/row_count": rows})
        neighbours.tick("monte_carlo")
    neighbours.monte_carlo.always = None
    outbox = neighbours.observe.ledger.outbox
    outbox.make_due("monte_carlo", now=neighbours.observe.clock())

    neighbours.tick("monte_carlo")

    (asset,) = neighbours.monte_carlo.events("METADATA")
    assert asset["relational_asset"]["volume"] == {"row_count": 2}


def test_scripts_of_pipelines_and_the_ddl_of_their_tables_go_to_datascale(neighbours):
    first = neighbours.tick("datascale")
    neighbours.materialized(FLIGHTS, **{"dagster/column_schema": _schema("flight_id", "Mixed Case")})
    second = neighbours.tick("datascale")

    pipelines = len(neighbours.project.pipelines)
    assert first == f"{pipelines} enqueued, {pipelines} sent ({pipelines} sql content), 0 pending."
    assert second == "1 enqueued, 1 sent (1 sql content), 0 pending."
    assert len(neighbours.datascale.bodies) == 2
    assert neighbours.datascale.bodies[-1] == {
        "content": 'CREATE TABLE "analytics"."flights" (\n  "flight_id" bigint,\n  "Mixed Case" bigint\n)',
        "platform": "duckdb",
        "extra_config": {},
    }
    assert neighbours.tick("datascale") == "0 enqueued, 0 sent, 0 pending."
    assert len(neighbours.datascale.bodies) == 2


def test_without_credentials_there_is_no_sensor(tmp_path, monkeypatch):
    settings = Settings(home=tmp_path, defs=tmp_path)
    for entry in PUBLISHERS:
        for name in entry.variables:
            monkeypatch.delenv(name, raising=False)

    assert publishing_sensors(declared_project(), settings) == []
    assert [sensor.name for sensor in publishing_sensors(declared_project(), settings, environment=ALL)] == [
        "monte_carlo",
        "datascale",
        "watcher",
    ]
    assert publishing_sensors(Project(), settings, environment=ALL) == []


def test_what_has_to_be_declared_is_reported_by_the_tick(instance, tmp_path):
    undeclared = Neighbours(instance, Settings(home=tmp_path, defs=tmp_path), declared_project(), ALL)

    assert undeclared.tick("monte_carlo") == (
        "Nothing to publish: no connection has a monte_carlo_resource_uuid, and MCD_RESOURCE_UUID is not set."
    )


def test_half_of_a_key_fails_the_tick(instance, tmp_path):
    half = Neighbours(instance, Settings(home=tmp_path, defs=tmp_path), declared_project(), {"MCD_INGEST_ID": "id"})

    with pytest.raises(SettingsError, match="MCD_INGEST_ID and MCD_INGEST_TOKEN belong together"):
        half.tick("monte_carlo")


@pytest.mark.parametrize("entry", PUBLISHERS, ids=lambda entry: entry.name)
def test_every_publisher_sends_under_its_name_in_the_table(entry, ledger):
    publisher = entry.open(ALL)

    with publisher.sender(PublisherContext(project=Project(), ledger=ledger)) as sender:
        assert sender.publisher == entry.name
        assert all(sender.batch_size(kind) > 0 for kind in sender.kinds)


def test_every_secret_of_the_environment_is_masked():
    assert set(secrets(ALL)) == {"mc-id-31", "mc-token-32", "ds-token-33", "w-proxy-34", "df-key-35"}


def test_a_dry_run_writes_each_request_to_a_file(neighbours, tmp_path: Path):
    folder = tmp_path / "requests"
    neighbours.observe.settings = dataclasses.replace(neighbours.settings, publish_dry_run=folder)
    neighbours.materialized(FLIGHTS, **{"dagster/row_count": 7})

    neighbours.tick("monte_carlo")
    neighbours.tick("datascale")

    written = sorted(path.relative_to(folder).parts[0] for path in folder.rglob("*.json"))
    assert written == ["datascale", "monte_carlo", "monte_carlo"]
    texts = [path.read_text() for path in folder.rglob("*.json")]
    assert '"x-mcd-token": "************"' in "".join(texts)
    assert not any(secret in text for text in texts for secret in (*KEY.values(), TOKEN))
    assert neighbours.monte_carlo.asked == neighbours.datascale.asked == []


def test_credentials_stay_out_of_the_repr():
    settings = (MonteCarloSettings, DatascaleSettings, WatcherSettings, DatafoldSettings)
    shown = repr([each.from_environment(ALL) for each in settings])

    assert not any(secret in shown for secret in secrets(ALL))
