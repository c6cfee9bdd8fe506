"""Facts through the outbox to a gateway that enforces the documents: what arrives, in which order, and what waits."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from observe_dagster.integrations.facts import (
    COLUMN_LINEAGE,
    TABLE_METADATA,
    ColumnLineage,
    ColumnMapping,
    FieldFact,
    QueryLogEntry,
    SourceColumn,
    Table,
    TableLineage,
    TableMetadata,
)
from observe_dagster.integrations.monte_carlo.enqueue import refresh_column_lineage
from tests.fakes.monte_carlo import FakeMonteCarlo

AT = datetime(2024, 3, 1, 11, tzinfo=UTC)


def table(name: str, connection_id: str = "wh") -> Table:
    return Table(connection_id=connection_id, database="db", schema="public", name=name)


def metadata(name: str, rows: int = 1, columns: int = 1) -> TableMetadata:
    fields = tuple(FieldFact(name=f"column_{place}", type="integer") for place in range(columns))
    return TableMetadata(table=table(name), fields=fields, row_count=rows, last_update_time=AT)


def lineage(name: str, *sources: Table) -> tuple[TableLineage, ColumnLineage]:
    mapping = ColumnMapping(
        column="id", sources=tuple(SourceColumn(source=place, column="id") for place in range(len(sources)))
    )
    return (
        TableLineage(destination=table(name), sources=sources),
        ColumnLineage(destination=table(name), sources=sources, columns=(mapping,)),
    )


def query(number: int, text: str = "SELECT 1") -> QueryLogEntry:
    return QueryLogEntry(
        connection_id="wh",
        start_time=AT,
        end_time=AT + timedelta(seconds=1),
        query_text=text,
        query_id=f"q-{number}",
        user="observe",
        returned_rows=1,
    )


def names(gateway: FakeMonteCarlo) -> list[str]:
    found = [event.get("relational_asset", event) for event in gateway.events("METADATA", "RELATIONAL_ASSET")]
    return [asset["metadata"]["name"] for asset in found]


@pytest.mark.parametrize("wire_format", ["sdk", "http_doc"])
def test_all_four_flows_arrive_in_order_with_receipts(tell, push, gateway, outbox, wire_format):
    tell(*lineage("b", table("a")), metadata("b"), metadata("a"), query(1), query(2))

    tally = push(wire_format=wire_format)

    assert gateway.problems == []
    assert [body["event_type"] for body in gateway.bodies][-3:] == ["LINEAGE", "COLUMN_LINEAGE", "QUERY_LOG"]
    assert tally.sent == {TABLE_METADATA: 2, "table_lineage": 1, COLUMN_LINEAGE: 1, "query_log": 2}
    for item in outbox.items("monte_carlo", states=["sent"]):
        assert item.receipt is not None
        assert (item.receipt["status"], len(item.receipt["invocation_id"])) == (202, 36)
        assert item.receipt["bytes"] > 100
        assert item.receipt["duration_seconds"] >= 0


def test_lineage_waits_until_the_metadata_of_its_tables_has_arrived(tell, push, gateway, clock):
    tell(metadata("a"), metadata("b"), *lineage("b", table("a")))
    gateway.plan = [500]

    push()
    assert gateway.taken == []
    clock.advance(minutes=1)
    push()

    assert [event_type for event_type, _ in gateway.taken] == ["METADATA", "METADATA", "LINEAGE", "COLUMN_LINEAGE"]


def test_metadata_goes_out_once_an_hour_with_the_latest_state(tell, push, gateway, clock):
    for minute in range(0, 150, 10):
        tell(metadata("a", rows=minute))
        push()
        clock.advance(minutes=10)

    rows = [event["relational_asset"]["volume"]["row_count"] for event in gateway.events("METADATA")]
    assert rows == [0, 60, 120]


def test_of_the_states_that_become_known_together_the_last_one_of_each_table_goes_out(tell, push, gateway):
    later = (metadata("a", rows=2), metadata("a", rows=3), metadata("b", rows=9))

    made = tell(metadata("a", rows=1), *lineage("a", table("b")), *later, *lineage("a", table("b")))
    push()

    assert made == 4
    sent = [event["relational_asset"]["volume"]["row_count"] for event in gateway.events("METADATA")]
    assert (names(gateway), sent) == (["a", "b"], [3, 9])
    assert len(gateway.events("LINEAGE")) == len(gateway.events("COLUMN_LINEAGE")) == 1


def test_a_state_that_is_being_told_is_not_replaced_by_a_newer_one(tell, push, gateway, outbox, clock):
    tell(metadata("a", rows=1), metadata("b", rows=1))
    (held,) = outbox.claim("monte_carlo", limit=1, lease=timedelta(minutes=2), now=clock())

    assert tell(metadata("a", rows=2), metadata("b", rows=2)) == 1

    assert outbox.sent(held, now=clock())
    assert outbox.item(held.id).record["row_count"] == 1
    clock.advance(hours=1)
    push()
    assert [event["relational_asset"]["volume"]["row_count"] for event in gateway.events("METADATA")] == [2, 2]


def test_many_facts_are_asked_of_the_ledger_in_as_many_statements_as_few(tell, ledger):
    def statements(prefix: str, number: int) -> int:
        told = [metadata(f"{prefix}{each}") for each in range(number)]
        origins = [fact for each in range(number) for fact in lineage(f"{prefix}{each}", table(f"{prefix}_source"))]
        before = len(asked)
        assert tell(*told, *origins) == 3 * number
        assert tell(*told, *origins) == 0
        return len(asked) - before

    asked: list[str] = []
    sa.event.listen(ledger.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    assert statements("few", 2) == statements("many", 200)


def test_lineage_that_did_not_change_is_sent_again_after_a_day(tell, push, gateway, clock, ledger):
    both = lineage("b", table("a"))
    made = [tell(*both)]
    push()
    clock.advance(hours=23)
    made.append(tell(*both))
    made.append(tell(*lineage("b", table("a"), table("c"))))
    push()
    clock.advance(hours=24)
    for _ in range(2):
        with ledger.transaction() as tx:
            made.append(refresh_column_lineage(tx, [table("b").key], now=clock()))
    with ledger.transaction() as tx:
        made.append(refresh_column_lineage(tx, [], now=clock()))
    push()

    assert made == [2, 0, 2, 1, 0, 0]
    assert [len(event["sources"]) for event in gateway.events("COLUMN_LINEAGE")] == [1, 2, 2]


def test_bodies_stay_below_the_limits_of_bytes_and_events(tell, push, gateway):
    tell(*(metadata(f"wide_{number}", columns=500) for number in range(60)))
    tell(*(metadata(f"narrow_{number}") for number in range(600)))
    tell(*(query(number, "x" * 20_000 if number < 50 else "SELECT 1") for number in range(250)))

    push(seconds=60)

    assert len(names(gateway)) == 660
    assert len(gateway.events("QUERY_LOG")) == 250
    assert max(len(asked.body) for asked in gateway.asked) <= 900_000
    assert [asked.headers["content-type"] for asked in gateway.asked] == ["application/json"] * len(gateway.asked)
    assert max(len(body["events"]) for body in gateway.bodies if body["event_type"] == "QUERY_LOG") == 100
    assert gateway.problems == []


def test_a_body_that_is_too_large_is_halved_until_it_fits(tell, push, gateway):
    gateway.most_bytes = 5_000
    tell(*(metadata(f"t_{number}", columns=20) for number in range(40)))

    tally = push()

    assert len(names(gateway)) == 40
    assert tally.dead == 0
    assert set(gateway.problems) == {"Request Entity Too Large"}


def test_only_the_poison_item_of_a_batch_is_given_up(tell, push, gateway, outbox):
    gateway.poison = "t_137"
    tell(*(metadata(f"t_{number:03}") for number in range(300)))

    tally = push()

    assert (len(names(gateway)), tally.dead) == (299, 1)
    (dead,) = outbox.items("monte_carlo", states=["dead"])
    assert dead.record["table"]["name"] == "t_137"
    assert dead.last_error == 'answered 400: {"message": "This event cannot be read."}'
    assert tally.requests <= 2 * 9 + 1


def test_an_item_that_always_breaks_the_receiver_is_given_up_in_the_end(tell, push, gateway, clock, outbox):
    gateway.poison, gateway.poison_status = "t_7", 500
    tell(*(metadata(f"t_{number}") for number in range(10)))

    for round_ in range(16):
        push()
        clock.advance(minutes=20)
        tell(metadata(f"later_{round_}"))

    (dead,) = outbox.items("monte_carlo", states=["dead"])
    assert dead.record["table"]["name"] == "t_7"
    assert dead.last_error.startswith("Given up after 12 attempts: answered 500")
    assert {f"t_{number}" for number in range(10)} - set(names(gateway)) == {"t_7"}


@pytest.mark.parametrize("treatment", ["reset", "slow", "lost", "garbage", 500, 503, 408, (429, {"Retry-After": "30"})])
def test_nothing_is_lost_when_the_receiver_fails(tell, push, gateway, clock, outbox, treatment):
    tell(metadata("a"), metadata("b"))
    gateway.plan = [treatment]

    tally = push()
    assert (tally.sent, tally.postponed, tally.dead) == ({}, 2, 0)
    clock.advance(minutes=5)
    push()

    assert set(names(gateway)) == {"a", "b"}
    assert outbox.counts("monte_carlo") == {"sent": 2}


def test_what_retry_after_asks_for_holds_everything(tell, push, gateway, clock):
    tell(metadata("a"))
    gateway.plan = [(429, {"Retry-After": "600"})]
    push()
    tell(query(1))

    clock.advance(minutes=9)
    push()
    held = len(gateway.asked)
    clock.advance(minutes=2)
    push()

    assert held == 2
    assert len(gateway.taken) == 2
    assert len(gateway.asked) == 3


def test_a_wrong_key_stops_the_round_and_gives_nothing_up(tell, push, gateway, clock):
    tell(metadata("a"), query(1))

    tally = push(key={"x-mcd-id": "key-id-1", "x-mcd-token": "wrong-secret"})

    assert len(gateway.asked) == 1
    (notice,) = tally.notices
    assert notice == (
        'Monte Carlo answered 401: {"message": "Unauthorized"} '
        "What it concerns stays pending; nothing is dead-lettered."
    )
    clock.advance(minutes=6)
    assert push().sent == {TABLE_METADATA: 1, "query_log": 1}


def test_a_key_that_may_not_push_to_one_resource_leaves_the_others_alone(tell, push, gateway):
    gateway.uuids = {"uuid-wh"}
    elsewhere = TableMetadata(table=table("a", "lake"))
    tell(elsewhere, metadata("b"))

    tally = push()

    assert (names(gateway), tally.postponed, tally.dead) == (["b"], 1, 0)


def test_http_doc_cannot_say_lineage_between_resources(tell, push, outbox, gateway):
    tell(lineage("b", table("a", "lake"))[0])
    push(wire_format="http_doc")

    (dead,) = outbox.items("monte_carlo", states=["dead"])
    assert dead.last_error == "Lineage between two resources needs wire_format sdk: http_doc cannot express it."
    assert gateway.asked == []


def test_no_secret_is_kept(tell, push, gateway, outbox):
    gateway.plan = [(418, {})]
    tell(metadata("a"))
    push()

    assert "key-secret-9" not in str(outbox.items("monte_carlo", states=["dead", "pending"]))


def test_the_time_is_kept_when_the_receiver_is_slow(tell, push, gateway, outbox):
    tell(metadata("a"), query(1))
    gateway.always = "slow"

    tally = push(seconds=1.5)

    assert tally.sent == {}
    assert outbox.counts("monte_carlo") == {"pending": 2}
