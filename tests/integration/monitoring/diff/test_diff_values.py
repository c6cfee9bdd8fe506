"""What counts as the same value, however two datasets are to each other: nothing is missed, nothing invented."""

from typing import Any

import pytest

_NONE = f"(2{', NULL' * 10})"
_UUID = "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"

DIFFERENT = {
    "a separator moved between neighbours": ("id int, x text, y text", "(1, 'a|b', 'c')", "(1, 'a', 'b|c')"),
    "a backslash before a separator": ("id int, x text, y text", r"(1, 'a\', '|b')", r"(1, 'a\|', 'b')"),
    "an escaped separator": ("id int, x text", r"(1, 'a|b')", r"(1, 'a\pb')"),
    "null and the word for it": ("id int, x text", "(1, NULL)", "(1, '<null>')"),
    "null and NULL in letters": ("id int, x text", "(1, NULL)", "(1, 'NULL')"),
    "null and the sign for it": ("id int, x text", "(1, NULL)", r"(1, '\N')"),
    "null and nothing": ("id int, x text", "(1, NULL)", "(1, '')"),
    "null and a number": ("id int, x numeric(9,2)", "(1, NULL)", "(1, 0)"),
    "nulls in neighbouring columns": ("id int, x text, y text", "(1, NULL, 'a')", "(1, 'a', NULL)"),
    "trailing spaces": ("id int, x text", "(1, 'a')", "(1, 'a ')"),
    "case": ("id int, x text", "(1, 'a')", "(1, 'A')"),
    "letters that look alike": ("id int, x text", "(1, 'é')", "(1, 'e\u0301')"),
    "not a number and infinity": ("id int, x double precision", "(1, 'NaN')", "(1, 'Infinity')"),
    "the last digit of a double": ("id int, x double precision", "(1, 0.1)", "(1, 0.10000000000000002)"),
    "a microsecond": ("id int, x timestamp", "(1, '2024-01-01 00:00:00')", "(1, '2024-01-01 00:00:00.000001')"),
    "large numbers with the same halves": ("id int, x bigint", "(1, 1)", "(1, 4294967296)"),
    "json with another value": ("id int, x jsonb", """(1, '{"a": 1}')""", """(1, '{"a": 2}')"""),
    "json number and text": ("id int, x jsonb", """(1, '{"a": 1}')""", """(1, '{"a": "1"}')"""),
    "a line break": ("id int, x text", "(1, 'a\nb')", "(1, 'a\r\nb')"),
    "a line break and its escape": ("id int, x text", "(1, 'a\x01c')", "(1, 'a\n')"),
    "quotes": ("id int, x text", """(1, 'a"b')""", """(1, 'a""b')"""),
    "infinite and finite time": ("id int, x timestamp", "(1, 'infinity')", "(1, '2024-01-01')"),
}

SAME = {
    "zero and minus zero": ("id int, x double precision", "(1, 0.0)", "(1, '-0.0')"),
    "not a number": ("id int, x double precision", "(1, 'NaN'), (2, 'Infinity'), (3, '-Infinity')", None),
    "very large and small doubles": ("id int, x double precision", "(1, 1e300), (2, 1.5e-300), (3, 1e16)", None),
    "json key order": ("id int, x jsonb", """(1, '{"a": 1, "b": [2]}')""", """(1, '{"b":[2],"a":1.0}')"""),
    "infinite times": ("id int, x timestamp, y date", "(1, 'infinity', '-infinity')", None),
    "awkward text": ("id int, x text", "(1, ''), (2, NULL), (3, 'a,\"b\n|\\'), (4, 'Grüße, 注文')", None),
    "every type": (
        "id int, a boolean, b int, c numeric(20,5), d real, e bytea, f date, g time, h timestamptz, i uuid, j int[]",
        f"(1, true, 7, 1.5, 0.1, 'abc', '2024-02-29', '01:02:03.5', '2024-01-01 01:00+01', {_UUID}, ARRAY[1]), {_NONE}",
        None,
    ),
}

RETYPED = {
    "numbers of another scale": ("x numeric(9,1)", "x numeric(9,2)", "1.0", "1.00", True),
    "whole and decimal": ("x int", "x numeric(9,2)", "1", "1.00", True),
    "whole and decimal that differ": ("x int", "x numeric(9,2)", "1", "1.01", False),
    "whole numbers of another width": ("x int", "x bigint", "1", "1", True),
    "a number as text": ("x int", "x text", "1", "'1'", True),
    "a number as other text": ("x int", "x text", "1", "'01'", False),
    "with and without zone": (
        "x timestamptz",
        "x timestamp",
        "'2024-01-01 01:00:00+01'",
        "'2024-01-01 00:00:00'",
        True,
    ),
    "a day and its midnight": ("x date", "x timestamp", "'2024-01-01'", "'2024-01-01 00:00:00'", True),
    "a day and a later hour": ("x date", "x timestamp", "'2024-01-01'", "'2024-01-01 01:00:00'", False),
    "a uuid as text": ("x uuid", "x text", _UUID, _UUID, True),
    "real and double": ("x real", "x double precision", "0.5", "0.5", True),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_a_difference_is_found(main_sides: Any, case: str) -> None:
    columns, a, b = DIFFERENT[case]
    main_sides.fill(columns, a, b)
    result = main_sides.compare()
    assert (result.summary.values.rows_with_differences, result.summary.pks.exclusives) == (1, (0, 0))
    assert [row.difference for row in result.sample] == ["changed"]


@pytest.mark.parametrize("case", SAME)
def test_the_same_is_the_same(main_sides: Any, case: str) -> None:
    columns, a, b = SAME[case]
    main_sides.fill(columns, a, b)
    result = main_sides.compare()
    assert result.summary.equal, result.sample
    assert result.summary.match_ratio == 1.0


@pytest.mark.parametrize("case", RETYPED)
def test_retyped_columns_are_compared_by_what_they_mean(main_sides: Any, case: str) -> None:
    type_a, type_b, a, b, same = RETYPED[case]
    main_sides.fill(f"id int, {type_a}", f"(1, {a}), (2, NULL)", f"(1, {b}), (2, NULL)", columns_b=f"id int, {type_b}")
    result = main_sides.compare()
    assert result.summary.equal is same
    assert result.summary.schema.column_type_differs == ("x",)


def test_char_of_a_fixed_length_ignores_its_padding(make_sides: Any) -> None:
    for way in ("one-postgres", "postgres-duckdb"):
        sides = make_sides(way)
        sides.fill("id int, x char(5)", "(1, 'ab')", "(1, 'ab')", columns_b="id int, x text")
        assert sides.compare().summary.equal
