"""Rows are matched by keys of any type, and rows that cannot be matched are reported."""

from typing import Any

import pytest

KEYS = {
    "int": ("int", "1", "2", "3"),
    "far apart": ("bigint", "1", "1000000000000", "-9000000000000000000"),
    "text": ("text", "'é-ß'", "'a|b'", "''"),
    "case": ("text", "'a'", "'A'", "'b'"),
    "uuid": ("uuid", *(f"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1{n}'" for n in range(3))),
    "date": ("date", "'2024-02-29'", "'1970-01-01'", "'0001-01-01'"),
    "timestamp": ("timestamp", "'2024-01-01 00:00:00.000001'", "'2024-01-01'", "'infinity'"),
    "timestamptz": ("timestamptz", "'2024-01-01 00:00:00+05'", "'2024-01-01 00:00:00+00'", "'2030-01-01 00:00:00+00'"),
    "decimal": ("numeric(30,10)", "1.5", "-0.0000000001", "10000000000000000000"),
    "boolean": ("boolean", "true", "false", "NULL"),
    "double": ("double precision", "1e20", "'NaN'", "0.1"),
}


@pytest.mark.parametrize("case", KEYS)
def test_any_type_can_be_a_key(sides: Any, case: str) -> None:
    kind, same, changed, gone = KEYS[case]
    sides.fill(f"id {kind}, x int", f"({same}, 1), ({changed}, 1), ({gone}, 1)", f"({same}, 1), ({changed}, 2)")
    found = sides.compare().summary
    only_a = (1, 0)
    assert (found.pks.exclusives if gone != "NULL" else found.pks.nulls_exclusives) == only_a
    assert (found.values.total_rows, found.values.rows_with_differences, found.different_rows) == (2, 1, 2)


def test_several_columns_make_a_key(sides: Any) -> None:
    sides.fill(
        "k1 text, k2 text, k3 int, x int",
        "('a|b', 'c', 1, 1), ('a', 'b|c', 1, 1), ('a', 'b', 1, 1)",
        "('a|b', 'c', 1, 1), ('a', 'b|c', 1, 9), ('a', 'b', 2, 1)",
    )
    result = sides.compare("k1,k2,k3")
    assert result.summary.pks.exclusives == (1, 1)
    assert [(row.difference, row.key) for row in result.sample] == [
        ("only_in_a", {"k1": "a", "k2": "b", "k3": "1"}),
        ("only_in_b", {"k1": "a", "k2": "b", "k3": "2"}),
        ("changed", {"k1": "a", "k2": "b|c", "k3": "1"}),
    ]
    assert (result.sample[2].a, result.sample[2].b) == ({"x": "1"}, {"x": "9"})


def test_a_key_may_have_another_type_opposite(sides: Any) -> None:
    sides.fill("id int, x int", "(1, 1), (2, 1), (30, 1)", "('1', 1), ('2', 2)", columns_b="id text, x int")
    found = sides.compare().summary
    assert (found.pks.exclusives, found.values.rows_with_differences) == ((1, 0), 1)


def test_duplicate_keys_are_counted_and_compared(sides: Any) -> None:
    sides.fill("id int, x int", "(1, 1), (1, 2), (2, 1), (2, 1), (3, 1)", "(1, 2), (1, 1), (2, 1), (2, 5), (2, 1)")
    found = sides.compare().summary
    assert (found.pks.dupes, found.pks.distincts, found.pks.exclusives) == ((2, 3), (3, 2), (1, 1))
    assert not found.equal
    assert sides.compare(compare_duplicates=False).summary.pks.exclusives == (1, 0)


def test_the_same_duplicates_on_both_sides_are_equal_and_reported(sides: Any) -> None:
    sides.fill("id int, x int", "(1, 1), (1, 1), (1, NULL)")
    found = sides.compare().summary
    assert (found.equal, found.pks.dupes) == (True, (2, 2))


def test_rows_without_a_key_are_compared_as_whole_rows(sides: Any) -> None:
    sides.fill("id int, k int, x int", "(NULL, 1, 1), (NULL, 1, 1), (1, NULL, 3)", "(NULL, 1, 1), (1, NULL, 4)")
    found = sides.compare("id,k").summary
    assert (found.pks.nulls, found.pks.nulls_exclusives, found.different_rows) == ((3, 2), (2, 1), 3)


@pytest.mark.parametrize(("a", "b", "exclusives"), [("", "", (0, 0)), ("(1, 1)", "", (1, 0)), ("", "(1, 1)", (0, 1))])
def test_either_side_may_be_empty(sides: Any, a: str, b: str, exclusives: tuple[int, int]) -> None:
    sides.fill("id int, x int", a, b)
    found = sides.compare().summary
    assert (found.pks.exclusives, found.match_ratio) == (exclusives, 0.0 if sum(exclusives) else 1.0)


def test_a_key_alone_can_be_compared(sides: Any) -> None:
    sides.fill("id int", "(1), (2)", "(2), (3)")
    assert sides.compare().summary.pks.exclusives == (1, 1)


def test_the_whole_range_of_a_bigint_can_be_dealt_out(sides: Any) -> None:
    sides.fill("id bigint, x int", "(-9223372036854775807, 1), (9223372036854775807, 1)", "(9223372036854775807, 1)")
    assert sides.compare().summary.pks.exclusives == (1, 0)


def test_tables_may_have_any_name(main_sides: Any) -> None:
    for name in ("pairs", "observe", "model", "s"):
        for place, table in ((main_sides.a, name), (main_sides.b, f"{name}_b")):
            place.run(f"DROP TABLE IF EXISTS {table}", f"CREATE TABLE {table} AS SELECT 1 AS id, 2 AS x")
        assert main_sides.compare(dataset_a={"table": name}, dataset_b={"table": f"{name}_b"}).summary.equal
