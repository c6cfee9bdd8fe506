"""How a data model's columns become a table's: transformation, policy for changed schemas, and what is refused."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pytest
from inline_snapshot import snapshot

from observe_dagster.config import Pipeline
from observe_dagster.datatypes import DataType, parse_data_type
from observe_dagster.errors import ObserveError, SchemaChangedError, SyncError
from observe_dagster.records import Column, SchemaChange
from observe_dagster.sync.columns import TypeNames, plan_columns
from observe_dagster.warehouse import Dialect
from observe_dagster.warehouse.duckdb.dialect import DIALECT as DUCKDB_DIALECT
from observe_dagster.warehouse.duckdb.types import native_of as duckdb_native_of
from observe_dagster.warehouse.port.load import LoadSchema
from observe_dagster.warehouse.postgres.dialect import DIALECT as POSTGRES_DIALECT
from observe_dagster.warehouse.postgres.types import native_of as postgres_native_of
from tests.unit.sync.declaring import incremental, pipeline


class Names:
    """The type names of one engine, without a session."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def native_type(self, column: Column, *, source: Dialect) -> str:
        """The type a new column gets."""
        if source is self.dialect or column.data_type is None:
            return column.native
        return self.native_of(column.data_type, column=column.name)

    def native_of(self, data_type: DataType, *, column: str) -> str:
        """The engine's spelling of a type."""
        native = duckdb_native_of(data_type) if self.dialect is DUCKDB_DIALECT else postgres_native_of(data_type)
        assert native is not None, column
        return native


DUCKDB, POSTGRES = Names(DUCKDB_DIALECT), Names(POSTGRES_DIALECT)


def columns(names: Names = POSTGRES, **types: str) -> tuple[Column, ...]:
    """Columns by name and type; a type in <brackets> is one that no other engine holds."""
    return tuple(
        Column(name=name, native=text.strip("<>"), data_type=None)
        if text.startswith("<")
        else Column(
            name=name,
            native=names.native_of(parse_data_type(text), column=name),
            data_type=parse_data_type(text),
        )
        for name, text in types.items()
    )


class Planned(NamedTuple):
    """What one run writes, and how that differs from what was there."""

    schema: LoadSchema
    changes: tuple[SchemaChange, ...]


SOURCE = columns(id="integer", total="decimal(8,2)", note="text", updated_on="timestamptz")


def planned(
    declared: Pipeline | None = None,
    source: Sequence[Column] = SOURCE,
    existing: Sequence[Column] | None = None,
    *,
    names: TypeNames = POSTGRES,
    previous: Mapping[str, str] | None = None,
) -> Planned:
    """The plan of one run from PostgreSQL."""
    return Planned(
        *plan_columns(
            declared or pipeline(), source, existing, names=names, dialect=POSTGRES_DIALECT, previous=previous
        )
    )


def transformed(**transformation: Any) -> Pipeline:
    """A pipeline with a field transformation."""
    return pipeline(field_transformation=transformation)


def policy(schema_change: str, **destination: Any) -> Pipeline:
    """A pipeline with a policy for changed schemas."""
    return pipeline(destination={"schema_change": schema_change, **destination})


def refusal(*arguments: Any, error: type[ObserveError] = SyncError, **named: Any) -> str:
    """Why a plan is refused."""
    with pytest.raises(error) as refused:
        planned(*arguments, **named)
    return str(refused.value)


def written(plan: Planned) -> list[tuple[str, str, int | None]]:
    """What is written: name, type, staged position."""
    return [(column.name, column.native, column.position) for column in plan.schema.columns]


def changes(plan: Planned) -> list[tuple[str, str, str | None, str | None, str]]:
    """The recorded changes, as plain values."""
    return [(c.column, c.change, c.old_type, c.new_type, c.action) for c in plan.changes]


# Transformation


def test_a_first_run_writes_every_column_with_its_type() -> None:
    plan = planned()
    assert written(plan) == [
        ("id", "integer", 0),
        ("total", "numeric(8,2)", 1),
        ("note", "text", 2),
        ("updated_on", "timestamptz", 3),
    ]
    assert (plan.schema.iterator_position, plan.schema.iterator_column) == (3, "updated_on")
    assert (plan.schema.added, plan.schema.widened, plan.changes) == ((), (), ())


def test_drop_then_rename_then_cast_and_constants_last() -> None:
    plan = planned(
        transformed(
            drop=["note"],
            rename={"total": "amount"},
            cast={"amount": "text", "origin": "text"},
            constant={"origin": "ops", "rank": 3, "share": 0.5, "live": True, "nothing": None},
        )
    )
    assert written(plan) == [
        ("id", "integer", 0),
        ("amount", "text", 1),
        ("updated_on", "timestamptz", 2),
        ("origin", "text", None),
        ("rank", "bigint", None),
        ("share", "double precision", None),
        ("live", "boolean", None),
        ("nothing", "text", None),
    ]
    assert [column.constant for column in plan.schema.columns[3:]] == ["ops", 3, 0.5, True, None]
    assert [column.name for column in plan.schema.staged] == ["id", "total", "updated_on"]


def test_a_dropped_iterator_is_still_read_and_not_written() -> None:
    plan = planned(transformed(drop=["updated_on"]))
    assert [column.name for column in plan.schema.staged] == ["id", "total", "note", "updated_on"]
    assert [column.name for column in plan.schema.columns] == ["id", "total", "note"]
    assert (plan.schema.iterator_position, plan.schema.iterator_column) == (3, None)


def test_a_renamed_iterator_is_known_by_its_new_name() -> None:
    plan = planned(transformed(rename={"updated_on": "changed_at"}))
    assert (plan.schema.iterator_position, plan.schema.iterator_column) == (3, "changed_at")


def test_a_full_sync_has_no_iterator() -> None:
    plan = planned(pipeline(sync_mode={"type": "full"}))
    assert (plan.schema.iterator_position, plan.schema.iterator_column) == (None, None)


def test_types_are_spelt_in_the_words_of_the_destination() -> None:
    assert [native for _, native, _ in written(planned(names=DUCKDB))] == [
        "INTEGER",
        "DECIMAL(8,2)",
        "VARCHAR",
        "TIMESTAMP WITH TIME ZONE",
    ]


# Names that are not there


def test_unknown_names_are_refused_with_the_nearest_one() -> None:
    assert [
        refusal(pipeline(sync_mode=incremental(iterator_field="updated_at"))),
        refusal(transformed(drop=["notes"])),
        refusal(transformed(rename={"zzz": "a"})),
        refusal(transformed(cast={"totl": "text"})),
        refusal(pipeline(destination={"primary_key": ["ID"]})),
        refusal(pipeline(destination={"soft_delete_field": "deleted"})),
        refusal(transformed(drop=["id"])),
    ] == snapshot(
        [
            (
                "sync_mode.iterator_field names 'updated_at', which the data model does not give; did "
                "you mean 'updated_on'?"
            ),
            "field_transformation.drop names 'notes', which the data model does not give; did you mean 'note'?",
            (
                "field_transformation.rename names 'zzz', which the data model does not give; it has "
                "'id', 'total', 'note', 'updated_on'."
            ),
            "field_transformation.cast names 'totl', which is not written; did you mean 'total'?",
            "destination.primary_key names 'ID', which is not written; it has 'id', 'total', 'note', 'updated_on'.",
            (
                "destination.soft_delete_field names 'deleted', which is not written; it has 'id', "
                "'total', 'note', 'updated_on'."
            ),
            "destination.primary_key names 'id', which is not written; it has 'total', 'note', 'updated_on'.",
        ]
    )


def test_two_columns_of_one_name_are_refused() -> None:
    assert refusal(transformed(rename={"note": "total"})) == snapshot(
        "The destination would get two columns named 'total'; rename or drop one of them."
    )


def test_duckdb_takes_names_that_differ_only_in_the_case_of_a_to_z_as_one() -> None:
    source = (*SOURCE, *columns(Note="text"))
    assert "two columns named 'note'" in refusal(source=source, names=DUCKDB)
    assert len(planned(source=source).schema.columns) == 5
    accented = (*SOURCE, *columns(É="text", é="text"))
    assert len(planned(source=accented, names=DUCKDB).schema.columns) == 6


def test_a_mirror_keeps_its_own_column_for_itself() -> None:
    mirror = pipeline(sync_mode={"type": "full"}, destination={"write_mode": "mirror"})
    source = (*SOURCE, *columns(_observe_deleted_at="timestamptz"))
    assert refusal(mirror, source) == snapshot(
        "A mirror keeps the column '_observe_deleted_at' for itself; rename or drop the source's."
    )
    assert len(planned(source=source).schema.columns) == 5


# Schema changes


@pytest.mark.parametrize(
    ("schema_change", "names_written", "action"),
    [
        ("evolve", ["id", "total", "note", "updated_on"], "altered"),
        ("discard", ["id", "total", "updated_on"], "discarded"),
    ],
)
def test_a_new_column_is_added_or_left_out(schema_change: str, names_written: list[str], action: str) -> None:
    plan = planned(
        policy(schema_change), existing=columns(id="integer", total="decimal(8,2)", updated_on="timestamptz")
    )
    assert [column.name for column in plan.schema.columns] == names_written
    assert [column.name for column in plan.schema.added] == (["note"] if action == "altered" else [])
    assert changes(plan) == [("note", "added", None, "text", action)]


@pytest.mark.parametrize(
    ("schema_change", "native", "action"), [("evolve", "numeric(8,2)", "altered"), ("discard", "numeric(6,2)", "kept")]
)
def test_a_wider_type_widens_the_column_or_is_written_as_it_was(schema_change: str, native: str, action: str) -> None:
    held = columns(id="integer", total="decimal(6,2)", note="text", updated_on="timestamptz")
    plan = planned(policy(schema_change), existing=held)
    assert written(plan)[1] == ("total", native, 1)
    assert [column.name for column in plan.schema.widened] == (["total"] if action == "altered" else [])
    assert changes(plan) == [("total", "type_changed", "numeric(6,2)", "numeric(8,2)", action)]


@pytest.mark.parametrize("schema_change", ["evolve", "freeze", "discard"])
def test_a_narrower_type_fits_the_column_as_it_is(schema_change: str) -> None:
    held = columns(id="bigint", total="decimal(12,4)", note="text", updated_on="timestamptz")
    plan = planned(policy(schema_change), existing=held)
    assert [native for _, native, _ in written(plan)] == ["bigint", "numeric(12,4)", "text", "timestamptz"]
    assert (plan.schema.widened, plan.changes) == ((), ())


@pytest.mark.parametrize(("schema_change", "action"), [("evolve", "kept"), ("discard", "kept")])
def test_a_column_gone_at_the_source_stays_in_the_table(schema_change: str, action: str) -> None:
    held = (*SOURCE, *columns(old="text"))
    plan = planned(policy(schema_change), existing=held, previous={"id": "integer", "old": "text"})
    assert "old" not in [column.name for column in plan.schema.columns]
    assert changes(plan) == [("old", "removed", "text", None, action)]


def test_columns_that_only_the_table_has_are_no_change() -> None:
    assert planned(existing=(*SOURCE, *columns(loaded_by="text")), previous={"id": "integer"}).changes == ()


def test_what_does_not_fit_is_refused_with_what_to_do() -> None:
    other = columns(id="text", total="decimal(6,2)", updated_on="timestamptz")
    assert [
        refusal(policy("freeze"), existing=other, previous={"gone": "uuid"}, error=SchemaChangedError),
        refusal(policy("evolve"), existing=(*SOURCE[:2], *columns(note="uuid"), SOURCE[3]), error=SchemaChangedError),
    ] == snapshot(
        [
            (
                "The source's columns do not fit 'flights': 'id' was text and is now integer; 'total' "
                "was numeric(6,2) and is now numeric(8,2); 'note' (text) is new; 'gone' (uuid) is gone. "
                "Nothing was changed; change the table or set schema_change to evolve or discard."
            ),
            (
                "The source's columns do not fit 'flights': 'note' was uuid and is now text. Nothing was "
                "changed; declare a cast for it, change the table, or set schema_change to discard."
            ),
        ]
    )


def test_types_that_no_other_engine_holds_are_equal_only_by_name() -> None:
    source, held = (*SOURCE, *columns(address="<inet>")), (*SOURCE, *columns(address="<interval>"))
    assert planned(source=source, existing=source).changes == ()
    assert "'address' was interval and is now inet" in refusal(source=source, existing=held, error=SchemaChangedError)


def test_a_cast_decides_what_a_changed_source_is_compared_with() -> None:
    declared = pipeline(field_transformation={"cast": {"total": "decimal(8,2)"}})
    source = columns(id="integer", total="text", note="text", updated_on="timestamptz")
    assert planned(declared, source, existing=SOURCE).changes == ()


def test_a_duckdb_table_with_other_case_is_written_under_the_declared_names() -> None:
    held = columns(DUCKDB, ID="integer", Total="decimal(8,2)", NOTE="text", Updated_On="timestamptz")
    plan = planned(names=DUCKDB, existing=held)
    assert [column.name for column in plan.schema.columns] == ["id", "total", "note", "updated_on"]
    assert (plan.schema.iterator_column, plan.schema.added, plan.changes) == ("updated_on", (), ())


def test_a_needed_column_that_the_table_does_not_have_cannot_be_discarded() -> None:
    assert [
        refusal(policy("discard"), existing=SOURCE[1:]),
        refusal(policy("discard", soft_delete_field="note"), existing=(*SOURCE[:2], SOURCE[3])),
    ] == snapshot(
        [
            (
                "destination.primary_key names 'id', which 'flights' does not have and schema_change "
                "discard leaves out; add the column, or set schema_change to evolve."
            ),
            (
                "destination.soft_delete_field names 'note', which 'flights' does not have and "
                "schema_change discard leaves out; add the column, or set schema_change to evolve."
            ),
        ]
    )


def test_an_iterator_that_is_discarded_is_not_in_the_table() -> None:
    assert planned(policy("discard"), existing=SOURCE[:3]).schema.iterator_column is None
