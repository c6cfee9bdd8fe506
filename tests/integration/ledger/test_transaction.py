"""Verbs of several stores in one transaction: all of them or none."""

import pytest

from observe_dagster.errors import NotFoundError
from observe_dagster.ledger import Alert, Ledger, NewPublication
from tests.integration.ledger.declared_project import NOW


def _write(ledger: Ledger) -> None:
    alert = Alert(subject="a", check_name="c", severity="error", description="x", opened_at=NOW, last_seen_at=NOW)
    ledger.alerts.add(alert)
    ledger.outbox.enqueue(NewPublication(publisher="p", kind="k", ordering_key="a", record={}), now=NOW)
    ledger.declared.pause("flights-hourly")


def _written(ledger: Ledger) -> tuple[int, dict[str, int], bool]:
    paused = ledger.declared.pipeline("flights-hourly").paused
    return len(ledger.alerts.open()), ledger.outbox.counts("p"), paused


def test_verbs_of_several_stores_are_committed_together(declared: Ledger) -> None:
    with declared.transaction() as tx, tx.transaction() as inner:
        _write(inner)
        assert _written(tx) == (1, {"pending": 1}, True)
        assert _written(declared) == (0, {}, False)
    assert _written(declared) == (1, {"pending": 1}, True)


def test_a_verb_that_fails_takes_the_others_back(declared: Ledger) -> None:
    def write_and_fail() -> None:
        with declared.transaction() as tx:
            _write(tx)
            tx.declared.pause("nothing")

    with pytest.raises(NotFoundError):
        write_and_fail()
    assert _written(declared) == (0, {}, False)
