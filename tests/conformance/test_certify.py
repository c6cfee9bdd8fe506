"""Every case on every engine, each a test of its own; and cases must fail where an engine is wrong."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from observe_dagster.config.models.connections.duckdb import DuckDBConnection
from observe_dagster.config.models.connections.postgres import PostgresConnection
from observe_dagster.embedded import create_database
from observe_dagster.errors import WarehouseError
from observe_dagster.records import TableName
from observe_dagster.warehouse import OpenOptions, Warehouse, open_warehouse
from observe_dagster.warehouse.certify import Case, Sandbox, all_cases, certify, run_case
from observe_dagster.warehouse.certify.sandbox import MARKER
from observe_dagster.warehouse.certify.trial import Trial
from observe_dagster.warehouse.certify.values import ID
from observe_dagster.warehouse.port.load import NotCommitted
from tests.paths import ROOT

SCHEMA = "observe_certify"
CASES = {case.name: case for case in all_cases()}
NUMBERS = {name: number for number, name in enumerate(CASES, start=1)}
NOT_OFFERED = {
    "postgres": {
        "a decimal with too many digits is refused by the columns name",
        "a text longer than the engine keeps arrives or is quarantined",
    },
    "duckdb": {
        "a text longer than the engine keeps arrives or is quarantined",
        "columns that differ in case only are two where the dialect says so",
        "a name longer than the engine keeps is refused",
        "of two sessions that commit at once one wins",
        "two pipelines may write one table at once",
        "nobody sees anything of a commit before it ends",
        "the outcome of a commit that goes on is not decided",
        "a session sees one moment",
        "unique keys of a table are known",
    },
}


def warehouse_of(engine: str, place: str) -> Warehouse:
    declared = {"id": "tested", "name": "tested", "service_provider": engine}
    if engine == "postgres":
        return open_warehouse(PostgresConnection.model_validate({**declared, "config": {"url": place}}))
    return open_warehouse(DuckDBConnection.model_validate({**declared, "config": {"path": place}}))


@pytest.fixture(scope="module", params=["postgres", "duckdb"])
def warehouse(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    if request.param == "duckdb":
        return warehouse_of("duckdb", str(tmp_path_factory.mktemp("certify") / "tested.duckdb"))
    return warehouse_of("postgres", create_database(request.getfixturevalue("postgres_url"), "certified"))


@pytest.fixture(scope="module")
def sandbox(warehouse: Warehouse) -> Iterator[Sandbox]:
    with Sandbox(warehouse, SCHEMA) as opened:
        yield opened


def schemas(warehouse: Warehouse) -> set[str]:
    with warehouse.session(OpenOptions(), writes=True) as session:
        return {name for (name,) in session.fetch("SELECT schema_name FROM information_schema.schemata")}


@pytest.mark.parametrize("name", CASES)
def test_case(sandbox: Sandbox, name: str) -> None:
    result = run_case(CASES[name], Trial(sandbox, NUMBERS[name]))

    expected = "not offered" if name in NOT_OFFERED[sandbox.warehouse.dialect.name] else "pass"
    assert result.result == expected, result.observed
    assert result.observed


def test_the_page_lists_every_case() -> None:
    page = (ROOT / "docs" / "reference" / "certify.md").read_text()
    listed = [line.removeprefix("- ") for line in page.partition("## Cases")[2].splitlines() if line.startswith("- ")]

    assert listed == list(CASES)


def test_no_two_cases_have_one_name() -> None:
    assert len(CASES) == len(all_cases())


# The sandbox


@pytest.fixture(params=["postgres", "duckdb"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    if request.param == "duckdb":
        return warehouse_of("duckdb", str(tmp_path / "empty.duckdb"))
    return warehouse_of("postgres", request.getfixturevalue("database"))


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit, ValueError])
def test_what_was_made_is_dropped_whatever_happens(empty: Warehouse, raised: type[BaseException]) -> None:
    before = schemas(empty)

    def interrupt(_: Any) -> None:
        raise raised

    with pytest.raises(raised), Sandbox(empty, SCHEMA) as opened:
        certify(opened, [CASES["a schema that is missing is created"]], on_result=interrupt)

    assert schemas(empty) == before


def test_a_schema_that_is_not_its_own_is_refused_untouched(empty: Warehouse) -> None:
    with empty.session(OpenOptions(), writes=True) as session:
        session.execute(f"CREATE SCHEMA {SCHEMA}")
        session.execute(f"CREATE TABLE {SCHEMA}.mine AS SELECT 1 AS n")

    with pytest.raises(WarehouseError, match="was not made by certify"), Sandbox(empty, SCHEMA):
        pytest.fail("it was opened")

    with empty.reader(OpenOptions()) as reader:
        assert reader.rows(f"SELECT n FROM {SCHEMA}.mine") == [(1,)]
        assert reader.columns(TableName(schema=SCHEMA, table=MARKER)) is None


def test_what_a_killed_run_left_is_dropped_by_the_next(empty: Warehouse) -> None:
    before = schemas(empty)
    killed = Sandbox(empty, SCHEMA, keep=True)
    with killed:
        run_case(CASES["a schema that is missing is created"], Trial(killed, 1))
    assert schemas(empty) == before | {SCHEMA, f"{SCHEMA}_new"}

    with Sandbox(empty, SCHEMA) as opened:
        assert Trial(opened, 1).table_names() == {MARKER}
    assert schemas(empty) == before


# Engines that are wrong


class Broken:
    """A warehouse whose destination is changed before it is used."""

    def __init__(self, warehouse: Warehouse, change: Callable[[Any], None]) -> None:
        self._warehouse, self._change = warehouse, change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._warehouse, name)

    @contextmanager
    def destination(self, options: OpenOptions) -> Iterator[Any]:
        with self._warehouse.destination(options) as opened:
            self._change(opened)
            yield opened


def loses_a_row(destination: Any) -> None:
    stage = destination.stage

    def stage_fewer(plan, stream):
        first = next(stream.batches)
        stream.batches = iter([first.slice(1), *stream.batches])
        return stage(plan, stream) + 1

    destination.stage = stage_fewer


def changes_a_text(destination: Any) -> None:
    stage = destination.stage

    def stage_other(plan, stream):
        def changed(batch):
            columns = [
                pa.array([None if value == "" else value for value in column.to_pylist()], column.type)
                if column.type == pa.string()
                else column
                for column in batch.columns
            ]
            return pa.RecordBatch.from_arrays(columns, schema=batch.schema)

        stream.batches = map(changed, stream.batches)
        return stage(plan, stream)

    destination.stage = stage_other


def commits_before_the_end(destination: Any) -> None:
    commit = destination.commit

    def commit_early(plan, staged, *, now, on_commit=lambda: None):
        counts = commit(plan, staged, now=now)
        on_commit()
        return counts

    destination.commit = commit_early


def runs_ddl_in_a_commit(destination: Any) -> None:
    commit = destination.commit

    def commit_with_ddl(plan, staged, *, now, on_commit=lambda: None):
        def create():
            name = destination.dialect.quote(plan.target.table.schema, "more")
            destination.session.execute(f"CREATE TABLE {name} (n bigint)")
            destination.session.execute(f"DROP TABLE {name}")
            on_commit()

        return commit(plan, staged, now=now, on_commit=create)

    destination.commit = commit_with_ddl


def ignores_the_watermark(destination: Any) -> None:
    destination._compare_watermark = lambda plan: None


def leaves_its_stage(destination: Any) -> None:
    def stage_and_leave(plan, stream, stage=destination.stage):
        arrived = stage(plan, stream)
        name = destination.dialect.quote(plan.target.table.schema, f"_observe_left_{plan.run.execution_key}")
        destination.session.execute(f"CREATE TABLE IF NOT EXISTS {name} (n bigint)")
        return arrived

    destination.stage = stage_and_leave


def forgets_late_rows(destination: Any) -> None:
    upsert = destination.upsert

    def without_late(plan, statements, staged):
        written = upsert(plan, statements, staged)
        written.late = 0
        return written

    destination.upsert = without_late


def knows_no_outcome(destination: Any) -> None:
    destination.outcome = lambda *_: NotCommitted()


@pytest.mark.parametrize(
    ("change", "caught_by"),
    [
        (loses_a_row, "upsert inserts updates and leaves equal rows alone"),
        (changes_a_text, "an empty text is not null"),
        (commits_before_the_end, "a commit that fails leaves everything as it was"),
        (runs_ddl_in_a_commit, "a commit runs no ddl"),
        (ignores_the_watermark, "a run that was planned before anothers commit is refused"),
        (leaves_its_stage, "a load leaves its table and quarantine only"),
        (forgets_late_rows, "late rows that change something are counted"),
        (knows_no_outcome, "a run that stops after its commit is known as committed"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_an_engine_that_is_wrong_is_caught(empty: Warehouse, change: Callable[[Any], None], caught_by: str) -> None:
    broken: Any = Broken(empty, change)
    with Sandbox(broken, SCHEMA) as opened:
        (result,) = certify(opened, [CASES[caught_by]])

    assert result.result == "fail", result.observed


def test_more_rows_than_a_case_may_stage_are_refused(empty: Warehouse) -> None:
    case = Case(name="greedy", subject="x", run=lambda trial: str(trial.load([ID], [(n,) for n in range(10_001)])))
    with Sandbox(empty, SCHEMA) as opened:
        (result,) = certify(opened, [case])

    assert (result.result, "10000 rows" in result.observed) == ("fail", True)
