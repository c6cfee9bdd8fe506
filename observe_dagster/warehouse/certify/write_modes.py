"""What each write mode does to the table, and what it counts, in the first run and in later ones."""

from datetime import UTC, datetime

from observe_dagster.datatypes import Kind
from observe_dagster.errors import LimitExceededError
from observe_dagster.warehouse.certify.cases import case
from observe_dagster.warehouse.certify.expectations import CaseFailedError, require
from observe_dagster.warehouse.certify.trial import Trial
from observe_dagster.warehouse.certify.values import ID, TypedField, field
from observe_dagster.warehouse.port.load import DELETED_AT

_NAME = field("name", Kind.TEXT)
_FIELDS = [ID, _NAME]
_ROWS = [(1, "a"), (2, "b"), (3, None)]
_CHANGED = [(2, "b"), (3, "c"), (4, "d")]


@case
def upsert_inserts_updates_and_leaves_equal_rows_alone(trial: Trial) -> str:
    """Rows that are no longer read stay."""
    counts = trial.load(_FIELDS, _ROWS)
    trial.require_counts(counts, total_rows=3, inserts=3, table_rows=3)
    counts = trial.load(_FIELDS, _CHANGED)
    trial.require_counts(counts, total_rows=3, inserts=1, updates=1, unchanged=1, table_rows=4)
    trial.require_rows(_FIELDS, [(1, "a"), *_CHANGED])
    return "3 inserted, then 1 inserted, 1 updated, 1 unchanged"


@case
def upsert_by_a_key_of_several_columns(trial: Trial) -> str:
    """All of them together tell rows apart."""
    fields, key = [field("part", Kind.TEXT), ID, _NAME], ("id", "part")
    trial.load(fields, [("x", 1, "a"), ("y", 1, "b")], primary_key=key)
    counts = trial.load(fields, [("x", 1, "A"), ("x", 2, "c")], primary_key=key)
    trial.require_counts(counts, total_rows=2, inserts=1, updates=1, table_rows=3)
    trial.require_rows(fields, [("x", 1, "A"), ("y", 1, "b"), ("x", 2, "c")])
    return "keys of 2 columns"


@case
def upsert_of_a_table_that_has_only_its_key(trial: Trial) -> str:
    """There is nothing to update."""
    trial.load([ID], [(1,), (2,)])
    counts = trial.load([ID], [(2,), (3,)])
    trial.require_counts(counts, total_rows=2, inserts=1, unchanged=1, table_rows=3)
    return "1 inserted, 1 unchanged"


@case
def upsert_counts_rows_that_become_soft_deleted(trial: Trial) -> str:
    """By a flag; those that were deleted already are not counted again."""
    fields = [ID, field("gone", Kind.BOOLEAN)]
    trial.load(fields, [(1, False), (2, False), (3, None), (4, True)], soft_delete_field="gone")
    counts = trial.load(fields, [(1, True), (2, False), (3, True), (4, True), (5, True)], soft_delete_field="gone")
    trial.require_counts(counts, total_rows=5, inserts=1, unchanged=2, soft_deletes=2, table_rows=5)
    trial.require_rows(fields, [(1, True), (2, False), (3, True), (4, True), (5, True)])
    return "2 soft deletes of 5 rows"


@case
def append_adds_every_row_again(trial: Trial) -> str:
    """There is no key."""
    options = {"write_mode": "append", "primary_key": ()}
    trial.require_counts(trial.load(_FIELDS, _ROWS, **options), total_rows=3, inserts=3, table_rows=3)
    trial.require_counts(trial.load(_FIELDS, _ROWS, **options), total_rows=3, inserts=3, table_rows=6)
    trial.require_rows(_FIELDS, _ROWS * 2)
    return "3 rows, then 6"


@case
def a_range_that_is_appended_again_replaces_what_it_held(trial: Trial) -> str:
    """From its first value up to, and without, its last."""
    fields = [field("n", Kind.BIGINT), _NAME]
    options = {"write_mode": "append", "primary_key": (), "iterator": "n"}
    trial.load(fields, [(number, "old") for number in range(10)], **options)
    again = {**options, "delete_from": 3, "delete_until": 6, "moves_watermark": False}
    counts = trial.load(fields, [(3, "new"), (5, "new")], **again)
    trial.require_counts(counts, total_rows=2, inserts=2, table_rows=9)
    expected = [(number, "old") for number in (0, 1, 2, 6, 7, 8, 9)] + [(3, "new"), (5, "new")]
    trial.require_rows(fields, expected)
    return "3 of 10 rows replaced by 2"


@case
def replace_leaves_only_the_rows_of_the_last_run(trial: Trial) -> str:
    """The table itself stays."""
    trial.require_counts(trial.load(_FIELDS, _ROWS, write_mode="replace"), total_rows=3, inserts=3, table_rows=3)
    counts = trial.load(_FIELDS, _CHANGED[:2], write_mode="replace")
    trial.require_counts(counts, total_rows=2, inserts=2, table_rows=2)
    trial.require_rows(_FIELDS, _CHANGED[:2])
    counts = trial.load(_FIELDS, [], write_mode="replace")
    trial.require_counts(counts, table_rows=0)
    trial.require_rows(_FIELDS, [])
    return "3 rows, then 2, then none"


@case
def mirror_marks_rows_that_are_gone_and_revives_them(trial: Trial) -> str:
    """A row that is gone is counted once, and one that comes back is an update."""
    first = trial.load(_FIELDS, _ROWS, write_mode="mirror")
    trial.require_counts(first, total_rows=3, inserts=3, table_rows=3)
    second = trial.load(_FIELDS, _ROWS[:2], write_mode="mirror")
    trial.require_counts(second, total_rows=2, unchanged=2, soft_deletes=1, table_rows=3)
    require(_deleted(trial), [(1, False), (2, False), (3, True)], "rows that are marked")
    third = trial.load(_FIELDS, _ROWS[:2], write_mode="mirror")
    trial.require_counts(third, total_rows=2, unchanged=2, table_rows=3)
    fourth = trial.load(_FIELDS, _ROWS[1:], write_mode="mirror")
    trial.require_counts(fourth, total_rows=2, unchanged=1, updates=1, soft_deletes=1, table_rows=3)
    require(_deleted(trial), [(1, True), (2, False), (3, False)], "rows that are marked")
    return "1 gone, later 1 revived"


@case
def mirror_refuses_to_delete_more_than_its_limit(trial: Trial) -> str:
    """Nothing is changed then."""
    trial.load(_FIELDS, _ROWS, write_mode="mirror")
    try:
        trial.load(_FIELDS, _ROWS[:1], write_mode="mirror", max_delete_percent=50.0)
    except LimitExceededError:
        require(_deleted(trial), [(1, False), (2, False), (3, False)], "rows that are marked")
        counts = trial.load(_FIELDS, _ROWS[:1], write_mode="mirror", max_delete_percent=70.0)
        require(counts.soft_deletes, 2, "soft deletes within the limit")
        return "2 of 3 refused at 50 %, allowed at 70 %"
    raise CaseFailedError("2 of 3 rows were deleted although max_delete_percent is 50")


@case
def late_rows_that_change_something_are_counted(trial: Trial) -> str:
    """Rows before the watermark: a new one and a changed one, but not an equal one."""
    fields = [ID, TypedField("at", field("at", Kind.TIMESTAMPTZ).data_type), _NAME]
    early, edge = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)
    trial.load(fields, [(1, early, "a"), (2, early, "b")], iterator="at")
    rows = [(1, early, "a"), (2, early, "B"), (3, early, "c"), (4, edge, "d")]
    counts = trial.load(fields, rows, iterator="at", late_before=edge)
    trial.require_counts(counts, total_rows=4, inserts=2, updates=1, unchanged=1, late=2, table_rows=4)
    return "2 late of 4"


@case
def constants_are_written_beside_what_was_read(trial: Trial) -> str:
    """A text with quotes, a number, a truth and a float."""
    texts, numbers = field("origin", Kind.TEXT), field("version", Kind.BIGINT)
    constants = {texts: 'o\'ps \\ "1"', numbers: -7, field("ok", Kind.BOOLEAN): True, field("f", Kind.DOUBLE): 0.5}
    trial.load(_FIELDS, _ROWS, constants=constants)
    counts = trial.load(_FIELDS, _ROWS, constants={**constants, numbers: 8})
    trial.require_counts(counts, total_rows=3, updates=3)
    values = ('o\'ps \\ "1"', 8, True, 0.5)
    trial.require_rows([*_FIELDS, *constants], [(*row, *values) for row in _ROWS])
    return "4 constants"


@case
def a_first_run_without_rows_makes_an_empty_table(trial: Trial) -> str:
    """Later runs find it as any other."""
    trial.require_counts(trial.load(_FIELDS, []), table_rows=0)
    trial.require_rows(_FIELDS, [])
    trial.require_counts(trial.load(_FIELDS, _ROWS), total_rows=3, inserts=3, table_rows=3)
    return "0 rows, then 3"


def _deleted(trial: Trial) -> list[tuple[int, bool]]:
    name, deleted = trial.dialect.quote("id"), trial.dialect.quote(DELETED_AT)
    rows = trial.ask(f"SELECT {name}, {deleted} IS NOT NULL FROM {trial.dialect.table(trial.table)}")
    return sorted((int(key), bool(marked)) for key, marked in rows)
