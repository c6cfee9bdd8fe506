"""A PostgreSQL server crashes and comes back in the middle of a sync: the run goes on, or the next makes it good."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from observe_dagster.errors import ConnectionFailedError
from observe_dagster.ledger import Ledger, migrate
from observe_dagster.records import RunStatus, SyncResult
from tests.e2e.faults.faulty import MANY, MIDDLE, RECORDED, FaultyShop, faulty_shop
from tests.e2e.faults.proxy import Act
from tests.e2e.faults.servers import MortalServer, mortal_server

_numbers = count(1)


@pytest.fixture(scope="module")
def mortal() -> Iterator[MortalServer]:
    """A server that only this module uses."""
    with mortal_server() as server:
        yield server


@pytest.fixture
def shop(
    request: pytest.FixtureRequest,
    mortal: MortalServer,
    make_database: Callable[[], str],
    ledger_url: str,
    tmp_path: Path,
) -> Iterator[FaultyShop]:
    """A shop with the database that the test names on the server that will crash, and all others elsewhere."""
    role: str = request.param
    name = f"shop_{next(_numbers)}"
    places = {"source": make_database(), "target": make_database(), "ledger": ledger_url}
    places[role] = mortal.database(name)
    if role == "ledger":
        migrate(places["ledger"])
    with (
        Ledger.open(places["ledger"]) as ledger,
        faulty_shop(
            "postgres", "append", source=places["source"], place=places["target"], folder=tmp_path, ledger=ledger
        ) as opened,
    ):
        yield opened


def restart(shop: FaultyShop, mortal: MortalServer) -> Act:
    """Restart the server once; who comes meanwhile waits, so that one attempt is lost however long it takes."""
    act: Act = mortal.restart
    for link in shop.links.values():
        act = link.while_newcomers_wait(act)
    return act


@pytest.mark.parametrize("shop", ["source", "target", "ledger"], indirect=True)
def test_a_server_that_crashes_and_comes_back_while_rows_stream_costs_one_more_attempt(
    shop: FaultyShop, mortal: MortalServer
) -> None:
    shop.links["source"].when_sent(MIDDLE, restart(shop, mortal))
    ended = shop.run()
    assert isinstance(ended, SyncResult), ended
    assert ended.counts.inserts == MANY
    assert shop.settle() == []


@pytest.mark.parametrize("shop", ["target"], indirect=True)
def test_a_destination_that_crashes_before_its_commit_has_nothing_and_gets_it_all(
    shop: FaultyShop, mortal: MortalServer
) -> None:
    shop.links["target"].when_asked(RECORDED, b"COMMIT", act=restart(shop, mortal))
    ended = shop.run()
    assert isinstance(ended, SyncResult), ended
    assert shop.executions()[-1].attempts == 2
    assert shop.settle() == []


@pytest.mark.parametrize("shop", ["target"], indirect=True)
def test_a_destination_that_is_down_fails_the_run_and_is_named(shop: FaultyShop, mortal: MortalServer) -> None:
    mortal.stop()
    try:
        ended = shop.run()
        assert isinstance(ended, ConnectionFailedError)
        assert str(ended).startswith("Connection 'target': cannot connect: ")
        assert shop.executions()[-1].status == RunStatus.FAILED
    finally:
        mortal.restart()
    assert shop.settle() == []
