"""Finding what is declared, and the faults and pauses kept beside it."""

from collections.abc import Callable

import pytest

from observe_dagster.errors import NotFoundError
from observe_dagster.ledger import ExecutionRow, Ledger
from tests.integration.ledger.declared_project import NOW, pipeline, project


def test_lists_are_ordered_by_id(declared: Ledger) -> None:
    assert [row.pipeline_id for row in declared.declared.pipelines()] == ["flights-daily", "flights-hourly"]
    assert [row.id for row in declared.declared.connections()] == ["lake", "ops"]
    assert [row.id for row in declared.declared.data_models()] == ["flights"]


def test_a_name_that_is_nearly_right_gets_a_suggestion(declared: Ledger) -> None:
    with pytest.raises(NotFoundError, match=r"no pipeline 'flights-hourli'\. Did you mean 'flights-hourly'"):
        declared.declared.pipeline("flights-hourli")
    with pytest.raises(NotFoundError, match=r"no connection 'lakes'\. Did you mean 'lake'"):
        declared.declared.connection("lakes")
    with pytest.raises(NotFoundError, match=r"no data model 'flight'\. Did you mean 'flights'"):
        declared.declared.data_model("flight")


@pytest.mark.parametrize(
    "change",
    [
        lambda ledger: ledger.declared.fault_pipeline("nothing", ["x"]),
        lambda ledger: ledger.declared.clear_pipeline_fault("nothing"),
        lambda ledger: ledger.declared.fault_connection("nothing", ["x"]),
        lambda ledger: ledger.declared.invalidate_data_model("nothing", ["x"]),
        lambda ledger: ledger.declared.set_watermark("nothing", "1"),
        lambda ledger: ledger.declared.pause("nothing"),
    ],
)
def test_changing_something_unknown_is_not_found(declared: Ledger, change: Callable[[Ledger], None]) -> None:
    with pytest.raises(NotFoundError, match="'nothing'"):
        change(declared)


def test_a_fault_is_kept_until_it_is_cleared(declared: Ledger) -> None:
    declared.declared.fault_pipeline("flights-hourly", ["größer", "b"])
    row = declared.declared.pipeline("flights-hourly")
    assert (row.status, row.errors) == ("faulted", ("größer", "b"))
    declared.declared.clear_pipeline_fault("flights-hourly")
    row = declared.declared.pipeline("flights-hourly")
    assert (row.status, row.errors) == ("idle", ())


def test_connections_and_data_models_are_faulted_and_cleared(declared: Ledger) -> None:
    declared.declared.fault_connection("ops", ["refused"])
    declared.declared.invalidate_data_model("flights", ["no such column"])
    assert (declared.declared.connection("ops").status, declared.declared.connection("ops").errors) == (
        "faulted",
        ("refused",),
    )
    assert declared.declared.data_model("flights").status == "invalid"
    declared.declared.clear_connection_fault("ops")
    declared.declared.validate_data_model("flights")
    assert (declared.declared.connection("ops").status, declared.declared.connection("ops").errors) == ("healthy", ())
    assert (declared.declared.data_model("flights").status, declared.declared.data_model("flights").errors) == (
        "valid",
        (),
    )


def test_a_fault_without_an_error_is_refused(declared: Ledger) -> None:
    with pytest.raises(ValueError, match="at least one error"):
        declared.declared.fault_pipeline("flights-hourly", [])


def test_a_pause_survives_synchronising_and_restarts(declared: Ledger, ledger_url: str) -> None:
    declared.declared.pause("flights-hourly")
    with Ledger.open(ledger_url) as other:
        other.declared.synchronise(project(pipelines=(pipeline(name="Changed"), project().pipelines[1])), now=NOW)
        row = other.declared.pipeline("flights-hourly")
        assert (row.name, row.paused, row.status) == ("Changed", True, "stopped")
        other.declared.resume("flights-hourly")
    row = declared.declared.pipeline("flights-hourly")
    assert (row.paused, row.status) == (False, "idle")


def test_a_pause_during_a_run_takes_effect_at_its_end(declared: Ledger, start: Callable[..., ExecutionRow]) -> None:
    start()
    declared.declared.pause("flights-hourly")
    assert declared.declared.pipeline("flights-hourly").status == "running"
    declared.executions.fail("run-1", ended_at=NOW.replace(hour=13), errors=["x"])
    assert declared.declared.pipeline("flights-hourly").status == "stopped"


def test_a_paused_pipeline_with_a_fault_shows_the_fault(declared: Ledger) -> None:
    declared.declared.fault_pipeline("flights-hourly", ["x"])
    declared.declared.pause("flights-hourly")
    assert declared.declared.pipeline("flights-hourly").status == "faulted"
