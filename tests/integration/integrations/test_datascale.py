"""Scripts through the outbox to Datascale: only what changed, several at once, and never more than it admits."""

import dataclasses
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from observe_dagster.integrations.datascale.enqueue import enqueue
from observe_dagster.integrations.datascale.sender import LIMIT, WINDOW, Datascale
from observe_dagster.integrations.facts import SQL_CONTENT, SqlContent, as_record
from observe_dagster.integrations.http import Client
from observe_dagster.ledger import DeliveryReport, Publication, deliver
from observe_dagster.ledger.outbox.rate_limit import LONGEST_REQUEST, seconds_until_allowed
from tests.fakes.datascale import TOKEN, FakeDatascale, FixedWindow, SlidingWindow, TokenBucket, respond

BEARER = {"Authorization": f"Bearer {TOKEN}"}


def script(number: int, content: str = "", platform: str = "postgres") -> SqlContent:
    content = content or f"CREATE TABLE t_{number} (id INTEGER)"
    return SqlContent(name=f"t_{number}", content=content, platform=platform)


@pytest.fixture
def datascale() -> Iterator[FakeDatascale]:
    """Datascale."""
    with FakeDatascale() as running:
        yield running


@pytest.fixture
def tell(ledger, clock):
    """Put scripts in."""

    def take(*scripts: SqlContent) -> int:
        with ledger.transaction() as tx:
            return enqueue(tx, scripts, now=clock())

    return take


@pytest.fixture
def push(ledger, outbox, datascale, clock):
    """One round of delivery."""

    def once(*, headers: dict[str, str] = BEARER, most_scripts: int = 50) -> DeliveryReport:
        slots = ledger.rate_limit("token", limit=LIMIT, window=WINDOW)
        with Client(datascale.url, headers, system="Datascale", timeout=2.0) as client:
            vendor = Datascale(client, slots, clock=clock, most_scripts=most_scripts)
            return deliver(outbox, vendor, clock=clock, seconds=20)

    return once


def test_scripts_of_one_platform_travel_together(tell, push, datascale, outbox):
    tell(*(script(number) for number in range(120)), script(900, platform="duckdb"))

    tally = push()

    assert tally.sent == {SQL_CONTENT: 121}
    assert sorted((body["platform"], body["content"].count("CREATE")) for body in datascale.bodies) == [
        ("duckdb", 1),
        ("postgres", 20),
        ("postgres", 50),
        ("postgres", 50),
    ]
    assert datascale.bodies[0].keys() == {"content", "platform", "extra_config"}
    receipt = outbox.items("datascale", states=["sent"])[0].receipt
    assert receipt is not None
    assert (receipt["status"], receipt["assets"], receipt["added"], receipt["modified"]) == (200, 1, 1, 0)


def test_unchanged_content_is_not_sent_again(tell, push, datascale):
    made = [tell(script(1), script(2))]
    push()
    made.append(tell(script(1), script(2)))
    made.append(tell(script(1, "CREATE TABLE t_1 (id BIGINT)"), script(2)))
    push()
    made.append(tell(script(1), script(2)))
    push()

    assert made == [2, 0, 1, 1]
    assert [body["content"] for body in datascale.bodies[1:]] == [
        "CREATE TABLE t_1 (id BIGINT)",
        "CREATE TABLE t_1 (id INTEGER)",
    ]


def test_a_script_that_cannot_be_parsed_is_found_and_left_alone_until_it_changes(tell, push, outbox, clock):
    tell(*(script(number) for number in range(10)), script(99, "SELECT 1;\nbad sql"))

    tally = push()

    assert (tally.sent, tally.dead) == ({SQL_CONTENT: 10}, 1)
    (dead,) = outbox.items("datascale", states=["dead"])
    assert dead.last_error == (
        "answered 400: PARSER_ERROR: Invalid syntax in SQL script: Error at line 2: Expected ';'"
    )
    assert tell(script(99, "SELECT 1;\nbad sql")) == 0
    assert tell(script(99, "SELECT 1")) == 1
    assert push().sent == {SQL_CONTENT: 1}


def test_a_wrong_token_is_said_once_and_gives_nothing_up(tell, push, datascale, outbox):
    tell(*(script(number) for number in range(60)))

    tally = push(headers={"Authorization": "Bearer wrong-token"})

    assert len(datascale.asked) == 1
    assert outbox.counts("datascale") == {"pending": 60}
    assert len(tally.notices) == 1
    assert "AUTHENTICATION_ERROR" in tally.notices[0]
    assert "wrong-token" not in tally.notices[0]


@pytest.mark.parametrize("treatment", ["reset", "slow", "lost", "garbage", 500, 429, (429, {"Retry-After": "10"})])
def test_nothing_is_lost_when_the_receiver_fails(tell, push, datascale, clock, outbox, treatment):
    tell(script(1))
    datascale.plan = [treatment]

    assert push().sent == {}
    clock.advance(minutes=6)
    push()

    assert outbox.counts("datascale") == {"sent": 1}


@pytest.mark.parametrize(
    ("code", "state"), [("INVALID_INPUT", "dead"), ("PARSER_ERROR", "dead"), ("SERVER_ERROR", "pending")]
)
def test_a_failure_with_status_200_is_one_by_its_code(tell, ledger, outbox, clock, code, state):
    tell(script(1))

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"success": False, "error": "no", "code": code})

    with Client("http://datascale", BEARER, system="Datascale", transport=httpx.MockTransport(answer)) as client:
        slots = ledger.rate_limit("token", limit=LIMIT, window=WINDOW)
        deliver(outbox, Datascale(client, slots, clock=clock), clock=clock, seconds=20)

    assert outbox.counts("datascale") == {state: 1}


def test_the_documents_success_with_its_comma_too_many_is_understood(tell, ledger, outbox, clock):
    tell(script(1))
    text = '{\n  "success": true,\n  "message": "Successfully ingested 3 assets [1 added, 2 modified]",\n}'
    transport = httpx.MockTransport(lambda _: httpx.Response(200, text=text))
    with Client("http://datascale", BEARER, system="Datascale", transport=transport) as client:
        slots = ledger.rate_limit("token", limit=LIMIT, window=WINDOW)
        deliver(outbox, Datascale(client, slots, clock=clock), clock=clock, seconds=20)

    (sent,) = outbox.items("datascale", states=["sent"])
    assert sent.receipt is not None
    assert (sent.receipt["assets"], sent.receipt["added"], sent.receipt["modified"]) == (3, 1, 2)


def test_a_hundred_requests_are_made_and_the_rest_waits_for_the_window(tell, push, datascale, clock, outbox):
    tell(*(script(number) for number in range(130)))

    first = push(most_scripts=1)
    waiting = outbox.items("datascale", states=["pending"])
    clock.advance(seconds=299)
    second = push(most_scripts=1)
    clock.advance(seconds=2)
    datascale.limit = SlidingWindow()
    third = push(most_scripts=1)

    assert [tally.sent.get(SQL_CONTENT, 0) for tally in (first, second, third)] == [100, 0, 30]
    assert {item.next_attempt_at - item.created_at for item in waiting} == {WINDOW}
    assert sum(item.attempts for item in waiting) == 0
    assert len(datascale.asked) == 130


def test_processes_that_share_a_token_share_its_slots(ledger, clock):
    one, other = (ledger.rate_limit("token", limit=3, window=WINDOW) for _ in range(2))
    elsewhere = ledger.rate_limit("another", limit=3, window=WINDOW)

    taken = [one.take(now=clock()), other.take(now=clock()), one.take(now=clock())]
    one.answered(taken[0], now=clock.advance(seconds=10))

    assert all(isinstance(slot, int) for slot in taken)
    assert other.take(now=clock()) == WINDOW
    assert isinstance(elsewhere.take(now=clock()), int)
    clock.advance(seconds=WINDOW.total_seconds())
    assert isinstance(other.take(now=clock()), int)
    assert other.take(now=clock()) == WINDOW
    clock.advance(seconds=LONGEST_REQUEST.total_seconds())
    assert isinstance(one.take(now=clock()), int)


class SimulatedSlots:
    """The limiter of the ledger, kept in memory."""

    def __init__(self) -> None:
        self.answers: list[datetime] = []

    def take(self, *, now: datetime) -> int | timedelta:
        self.answers = [at for at in self.answers if at + WINDOW > now]
        return seconds_until_allowed(self.answers, limit=LIMIT, window=WINDOW, now=now) or 1

    def answered(self, slot: int, *, now: datetime) -> None:
        self.answers.append(now)


class FakeDesk:
    """Takes what became of items."""

    def __init__(self) -> None:
        self.sent_items = 0

    def send(self, batches, post) -> None:
        for batch in batches:
            post(batch, 10.0)
            self.sent_items += len(batch)


def test_12000_scripts_draw_no_429_from_any_kind_of_limit():
    """The clock is simulated; the receiver stamps a request anywhere between its beginning and its answer."""
    limits = (FixedWindow(117.0), SlidingWindow(), TokenBucket())
    dice, start = random.Random(7), datetime(2024, 3, 1, tzinfo=UTC)
    seconds, refused, assets = 0.0, 0, {}

    def clock() -> datetime:
        return start + timedelta(seconds=seconds)

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal seconds, refused
        latency = dice.expovariate(2.0)
        seconds += latency * dice.random()
        if sum(limit.admits(seconds) for limit in limits) < len(limits):
            refused += 1
            return httpx.Response(429)
        seconds += latency * dice.random()
        status, document = respond(
            request.method, request.url.path, request.headers["authorization"], json.loads(request.content), assets
        )
        return httpx.Response(status, json=document)

    slots, desk = SimulatedSlots(), FakeDesk()
    with Client("http://datascale", BEARER, system="Datascale", transport=httpx.MockTransport(answer)) as client:
        vendor = Datascale(client, slots, clock=clock, most_scripts=1)
        for number in range(12_000):
            wait = slots.take(now=clock())
            if isinstance(wait, timedelta):
                seconds += wait.total_seconds()
            vendor.deliver(SQL_CONTENT, [_item(number)], desk)

    assert (refused, desk.sent_items, len(assets)) == (0, 12_000, 12_000)
    assert seconds < 12_000 * 3 * 1.2


def _item(number: int) -> Publication:
    now = datetime(2024, 3, 1, tzinfo=UTC)
    return Publication(
        id=number,
        publisher="datascale",
        kind=SQL_CONTENT,
        ordering_key=f"sql/{number}",
        record=as_record(dataclasses.replace(script(number))),
        state="pending",
        attempts=1,
        next_attempt_at=now,
        last_error=None,
        created_at=now,
        sent_at=None,
        lease="1",
    )
