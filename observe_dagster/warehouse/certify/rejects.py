"""Rows that cannot be loaded are quarantined with their reason, and of a key that comes twice the newest row stays."""

import json

from observe_dagster.datatypes import DataType, Kind
from observe_dagster.warehouse.certify.cases import case
from observe_dagster.warehouse.certify.expectations import require
from observe_dagster.warehouse.certify.trial import Trial
from observe_dagster.warehouse.certify.values import ID, TypedField, field
from observe_dagster.warehouse.port.load import REJECTED_SUFFIX

_N, _NAME = field("n", Kind.BIGINT), field("name", Kind.TEXT)
_FIELDS = [ID, _N, _NAME]
_NULL_KEY = 'primary key "id" is null'


@case
def of_a_key_that_comes_twice_the_newest_iterator_wins(trial: Trial) -> str:
    """In whatever order they arrive, in the first run and in later ones; a null iterator is the oldest."""
    rows = [(1, 5, "old"), (1, 9, "new"), (1, 7, "mid"), (1, None, "null"), (2, 1, "only")]
    for run, expected in enumerate(({"inserts": 2}, {"unchanged": 2}), start=1):
        counts = trial.load(_FIELDS, rows if run == 1 else rows[::-1], iterator="n")
        require(counts.superseded, 3, "superseded")
        require(counts.unchanged, 3 + expected.get("unchanged", 0), "unchanged, with those superseded")
        require(counts.inserts, expected.get("inserts", 0), "inserts")
        trial.require_rows(_FIELDS, [(1, 9, "new"), (2, 1, "only")])
    return "3 of 5 rows superseded"


@case
def among_equal_iterators_always_the_same_row_wins(trial: Trial) -> str:
    """The one whose values sort last by their bytes, in whatever order they arrive."""
    rows = [(1, 5, "b"), (1, 5, "Z"), (1, 5, "é"), (1, 5, "a")]
    for part, arriving in enumerate((rows, rows[::-1], rows[2:] + rows[:2])):
        each = trial.sibling(part)
        each.load(_FIELDS, arriving, iterator="n")
        each.require_rows(_FIELDS, [(1, 5, "é")])
    return "3 orders of 4 rows"


@case
def a_null_in_the_key_is_quarantined(trial: Trial) -> str:
    """In the first run and in later ones, in any column of the key."""
    counts = trial.load(_FIELDS, [(1, 1, "a"), (None, 2, "b")], primary_key=("id", "n"))
    trial.require_counts(counts, total_rows=2, inserts=1, rejected=1, table_rows=1)
    counts = trial.load(_FIELDS, [(1, 1, "a"), (2, None, "c")], primary_key=("id", "n"))
    trial.require_counts(counts, total_rows=2, unchanged=1, rejected=1, table_rows=1)
    require(trial.rejected(), [(_NULL_KEY, 1), ('primary key "n" is null', 1)], "quarantine")
    return "2 rows with their reasons"


@case
def a_null_iterator_is_quarantined_where_it_must_not_be(trial: Trial) -> str:
    """And loaded where it may be."""
    rows = [(1, 1, "a"), (2, None, "b")]
    counts = trial.load(_FIELDS, rows, iterator="n", reject_null_iterator=True)
    trial.require_counts(counts, total_rows=2, inserts=1, rejected=1, table_rows=1)
    require(trial.rejected(), [('iterator "n" is null', 1)], "quarantine")
    counts = trial.load(_FIELDS, rows, iterator="n")
    trial.require_counts(counts, total_rows=2, inserts=1, unchanged=1, table_rows=2)
    return "1 rejected, then loaded"


@case
def a_value_that_does_not_fit_its_column_is_quarantined(trial: Trial) -> str:
    """Texts that are no numbers, dates or truths, and numbers that are too large."""
    names = ("number", "day", "truth", "price")
    staged = [ID, *(field(name, Kind.TEXT) for name in names)]
    kinds = (Kind.INTEGER, Kind.DATE, Kind.BOOLEAN)
    written = [ID, *(field(name, kind) for name, kind in zip(names, kinds, strict=False))]
    written.append(field("price", Kind.DECIMAL, precision=5, scale=2))
    fine = ("7", "2024-02-29", "true", "123.45")
    rows = [(1, *fine), (2, "7x", *fine[1:]), (3, "7", "2024-02-30", *fine[2:])]
    rows += [(4, *fine[:2], "perhaps", fine[3]), (5, *fine[:3], "1234.5"), (6, "99999999999", *fine[1:])]
    for each in (trial, trial.sibling(1)):
        counts = each.load(staged, rows, written=written)
        each.require_counts(counts, total_rows=6, inserts=1, rejected=5, table_rows=1)
        reasons = [reason for reason, _ in each.rejected()]
        for name, value in (("number", "7x"), ("day", "2024-02-30"), ("truth", "perhaps"), ("price", "1234.5")):
            named = [reason for reason in reasons if reason.startswith(f'column "{name}": {value} is not a ')]
            require(len(named), 1, f"reasons that name {name} and {value} (of {reasons})")
    return "5 of 6 rows, each with its column, value and type"


@case
def the_quarantine_counts_a_row_that_comes_again(trial: Trial) -> str:
    """Once per row and reason, with the number of times it came."""
    rows = [(None, 1, "x"), (None, 1, "x"), (None, 2, "y"), (1, 1, "fine")]
    trial.load(_FIELDS, rows)
    require(trial.rejected(), [(_NULL_KEY, 1), (_NULL_KEY, 2)], "quarantine after the first run")
    trial.load(_FIELDS, rows[1:])
    require(trial.rejected(), [(_NULL_KEY, 2), (_NULL_KEY, 3)], "quarantine after the second run")
    return "2 rows, seen 3 and 2 times"


@case
def the_quarantine_keeps_the_row_as_it_was_read(trial: Trial) -> str:
    """As JSON of texts, with NULL as null."""
    kinds = (Kind.TEXT, Kind.BOOLEAN, Kind.DOUBLE, Kind.TEXT)
    names = ("it's", "truth", 'q"', "empty")
    fields = [ID, *(field(name, kind) for name, kind in zip(names, kinds, strict=True))]
    trial.load(fields, [(None, "ü \"x\" \\ 'y'", True, None, "")])
    name = trial.dialect.table(trial.table, REJECTED_SUFFIX)
    ((kept,),) = trial.ask(f"SELECT row_values FROM {name}")
    kept = json.loads(kept) if isinstance(kept, str) else kept
    require(kept, {"id": None, "it's": "ü \"x\" \\ 'y'", "truth": "true", 'q"': None, "empty": ""}, "row_values")
    return "5 values"


@case
def a_first_load_whose_rows_are_all_rejected_makes_an_empty_table(trial: Trial) -> str:
    """And a mirror marks none of its rows for the rejected ones."""
    fields, written = [ID, field("n", Kind.TEXT)], [ID, field("n", Kind.INTEGER)]
    counts = trial.load(fields, [(None, "1"), (1, "x")], written=written)
    trial.require_counts(counts, total_rows=2, rejected=2, table_rows=0)
    other = trial.sibling(1)
    other.load(fields, [(1, "1"), (2, "2")], written=written, write_mode="mirror")
    counts = other.load(fields, [(1, "x"), (2, "2")], written=written, write_mode="mirror")
    other.require_counts(counts, total_rows=2, unchanged=1, rejected=1)
    return "2 rejected; in a mirror a rejected row keeps its old values and is not gone"


@case
def a_number_with_a_fraction_is_rounded_or_quarantined_in_a_column_of_whole_numbers(trial: Trial) -> str:
    """It must not become another number."""
    fields, written = [ID, field("n", Kind.DOUBLE)], [ID, field("n", Kind.INTEGER)]
    counts = trial.load(fields, [(1, 1.0), (2, 2.75), (3, 1e12)], written=written)
    rows = trial.read(written)
    require([row for row in rows if row not in ((1, 1), (2, 3))], [], "numbers beside 1 and 3")
    require(counts.rejected + len(rows), 3, "rows kept and rejected")
    return f"{len(rows)} kept, {counts.rejected} quarantined"


@case
def a_cast_is_what_the_table_keeps(trial: Trial) -> str:
    """Numbers to text, and texts to numbers, dates and json."""
    staged = [ID, field("a", Kind.BIGINT), field("b", Kind.TEXT), field("c", Kind.TEXT), field("d", Kind.TEXT)]
    written = [ID, field("a", Kind.TEXT), field("b", Kind.BIGINT), field("c", Kind.DATE), field("d", Kind.JSON)]
    rows = [(1, 7, "8", "2024-02-29", '{"a":1}'), (2, None, None, None, None)]
    trial.load(staged, rows, written=written)
    texts = [ID, field("a", Kind.TEXT), field("b", Kind.BIGINT), field("d", Kind.JSON)]
    trial.require_rows(texts, [(1, "7", 8, '{"a": 1}'), (2, None, None, None)])
    trial.require_counts(trial.load(staged, rows, written=written), total_rows=2, unchanged=2)
    return "4 casts"


@case
def a_decimal_is_cast_to_fewer_digits_where_it_fits(trial: Trial) -> str:
    """A wider one is quarantined."""
    wide = DataType(kind=Kind.DECIMAL, precision=10, scale=2)
    narrow = DataType(kind=Kind.DECIMAL, precision=4, scale=2)
    fields, written = [ID, TypedField("n", wide)], [ID, TypedField("n", narrow)]
    counts = trial.load(fields, [(1, "12.34"), (2, "123.45"), (3, "-99.99")], written=written)
    trial.require_counts(counts, total_rows=3, inserts=2, rejected=1)
    trial.require_rows(written, [(1, "12.34"), (3, "-99.99")])
    return "1 of 3 quarantined"
