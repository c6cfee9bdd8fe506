"""Options of a diff: they widen what is equal or narrow what is compared, the same in one statement and by buckets."""

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot

from observe_dagster.errors import WarehouseError


def changed(result: Any) -> dict[str, int]:
    return {c.column_name: c.values_different for c in result.summary.values.columns_diff_stats if c.values_different}


def test_case_and_empty_text_can_be_ignored(main_sides: Any) -> None:
    main_sides.fill(
        "id int, x text", "(1, 'ABC'), (2, ''), (3, 'É'), (4, 'a')", "(1, 'abc'), (2, NULL), (3, 'É'), (4, 'b')"
    )
    assert changed(main_sides.compare()) == {"x": 3}
    assert changed(main_sides.compare(ignore_string_case=True)) == {"x": 2}
    assert changed(main_sides.compare(null_equals_empty_string=True)) == {"x": 2}
    assert changed(main_sides.compare(ignore_string_case=True, null_equals_empty_string=True)) == {"x": 1}


def test_keys_that_differ_in_case_stay_apart(main_sides: Any) -> None:
    main_sides.fill("id text, x int", "('a', 1)", "('A', 1)")
    assert main_sides.compare(ignore_string_case=True).summary.pks.exclusives == (1, 1)


@pytest.mark.parametrize("kind", ["double precision", "numeric(12,4)"])
def test_numbers_may_be_a_tolerance_apart(main_sides: Any, kind: str) -> None:
    main_sides.fill(
        f"id int, x {kind}, n int",
        "(1, 1.0, 5), (2, 100, 5), (3, NULL, 5), (4, -1, 5)",
        "(1, 1.1, 5), (2, 101, 5), (3, 0, 5), (4, -1.2, 6)",
    )

    def tolerating(**tolerance: Any) -> dict[str, int]:
        return changed(main_sides.compare(tolerance={"float": tolerance}))

    assert tolerating(default={"type": "absolute", "value": 0.1}) == {"x": 3, "n": 1}
    assert tolerating(default={"type": "absolute", "value": 0.5}) == {"x": 2, "n": 1}
    assert tolerating(default={"type": "relative", "value": 0.02}) == {"x": 3, "n": 1}
    assert tolerating(column_tolerance={"n": {"value": 1}}) == {"x": 4}
    assert tolerating(default={"value": 9}, column_tolerance={"x": {"value": 0}}) == {"x": 4, "n": 1}


def test_no_tolerance_makes_infinity_finite(main_sides: Any) -> None:
    main_sides.fill(
        "id int, x double precision",
        "(1, 'Infinity'), (2, 'NaN'), (3, 'Infinity'), (4, 1.7e308)",
        "(1, 'Infinity'), (2, 1), (3, '-Infinity'), (4, -1.7e308)",
    )
    assert changed(main_sides.compare(tolerance={"float": {"default": {"value": 1e6}}})) == {"x": 3}


def test_timestamps_may_be_a_tolerance_apart(main_sides: Any) -> None:
    main_sides.fill(
        "id int, x timestamp, z timestamptz",
        "(1, '2024-01-01 00:00:00', '2024-01-01 00:00:00+00'), (2, 'infinity', NULL)",
        "(1, '2024-01-01 00:00:00.1', '2024-01-01 00:00:00.101+00'), (2, '2024-01-01', NULL)",
    )
    assert changed(main_sides.compare(tolerance={"datetime": {"default": "0.1s"}})) == {"x": 1, "z": 1}
    assert changed(main_sides.compare(tolerance={"datetime": {"default": "1us"}})) == {"x": 2, "z": 1}


def test_a_rule_says_what_is_equal(main_sides: Any) -> None:
    main_sides.fill("id int, x text, y text", "(1, 'ab', 'ab'), (2, NULL, 'a')", "(1, 'ba', 'ba'), (2, NULL, 'a')")
    rule = {"column": "x", "equal_if": "length({a}) = length({b})"}
    assert changed(main_sides.compare(column_rules=[rule])) == {"y": 1}
    assert changed(main_sides.compare(column_rules=[{"type": "text", "equal_if": rule["equal_if"]}])) == {}


def test_columns_are_chosen_by_name_and_pattern_and_renamed(main_sides: Any) -> None:
    main_sides.fill(
        "id int, x1 int, x2 int, old int", "(1, 1, 1, 1)", "(1, 2, 2, 2)", columns_b="id int, x1 int, x2 int, new int"
    )
    assert changed(main_sides.compare()) == {"x1": 1, "x2": 1}
    assert main_sides.compare().summary.schema.exclusive_columns == (("old",), ("new",))
    assert changed(main_sides.compare(columns_to_compare=["x*"], exclude_columns=["x2"])) == {"x1": 1}
    assert changed(main_sides.compare(column_remapping={"old": "new"}, include_columns=["old"])) == {"old": 1}
    with pytest.raises(WarehouseError, match="dataset_a has no column 'X9'; it has id, x1, x2, old"):
        main_sides.compare(include_columns=["X9"])


def test_filters_choose_the_rows(main_sides: Any) -> None:
    main_sides.fill("id int, x int", "(1, 1), (2, 2), (3, 3)", "(1, 1), (2, 9), (4, 4)")
    result = main_sides.compare(dataset_a={"filter": "id < 2 -- one"}, dataset_b={"filter": "id < 2 OR id < 1"})
    assert (result.summary.equal, result.summary.pks.total_rows) == (True, (1, 1))


def test_the_schema_section_tells_all(main_sides: Any) -> None:
    main_sides.fill(
        "id int, x int, y int, only_a int", "(1, 1, 1, 1)", "(1, 1, 1)", columns_b="id int, y bigint, x int"
    )
    schema = main_sides.compare().summary.document()["schema"]
    assert schema == snapshot(
        {
            "columns_mismatched": [1, 0],
            "column_type_mismatches": 1,
            "column_reorders": 2,
            "column_counts": [4, 3],
            "column_type_differs": ["y"],
            "exclusive_columns": [["only_a"], []],
        }
    )


def test_a_sample_estimates_the_whole(main_sides: Any) -> None:
    main_sides.fill("id int, x int", "(0, 0)")
    for place, value in ((main_sides.a, "n % 7"), (main_sides.b, "CASE WHEN n % 10 = 0 THEN -1 ELSE n % 7 END")):
        table = "a" if value == "n % 7" else "b"
        place.run(
            f"DELETE FROM {table}", f"INSERT INTO {table} SELECT n, {value} FROM generate_series(1, 20000) AS s(n)"
        )
    result = main_sides.compare(sampling={"tolerance": 3, "confidence": 99})
    summary = result.summary
    assert 0.05 < summary.sampled.rate < 0.15
    assert summary.pks.exclusives == (0, 0)
    assert summary.pks.total_rows[0] == summary.pks.total_rows[1] < 3000
    (stats,) = summary.document()["values"]["columns_diff_stats"]
    interval = stats["values_different_estimate"]["interval"]
    assert interval["min"] <= 2000 <= interval["max"]
    assert main_sides.compare(sampling={"rate": 10, "threshold": 30_000}).summary.different_rows == 2000


def test_many_differences_are_all_counted_and_few_are_shown(main_sides: Any) -> None:
    main_sides.fill("id int, x int", "(0, 0)")
    for place, table, value in ((main_sides.a, "a", "n"), (main_sides.b, "b", "n + n % 2")):
        place.run(f"INSERT INTO {table} SELECT n, {value} FROM generate_series(1, 5000) AS s(n)")
    result = main_sides.compare()
    assert (result.summary.values.rows_with_differences, len(result.sample)) == (2500, 100)
    assert [row.key["id"] for row in result.sample[:3]] == ["1", "3", "5"]


_ROWS = st.dictionaries(
    st.integers(-3, 8) | st.integers(10**12, 10**12 + 3),
    st.tuples(
        st.none() | st.sampled_from(["", "a", "A", "a|b", "|", "\\", "\\N", "<null>", "NULL", " a", "\n", '"', "é"]),
        st.none() | st.sampled_from(["", "c", "b|c", "|", "p", "\\p"]),
        st.none() | st.sampled_from(["0", "1.0", "-1.5", "NaN"]),
    ),
    max_size=8,
)


def _values(rows: dict[int, tuple[str | None, ...]]) -> str:
    def spelt(value: str | None) -> str:
        return "NULL" if value is None else "'" + value.replace("'", "''") + "'"

    return ", ".join(f"({key}, {', '.join(map(spelt, values))})" for key, values in rows.items())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(a=_ROWS, b=_ROWS)
def test_what_is_found_is_what_differs_and_mirrors(main_sides: Any, a: Any, b: Any) -> None:
    main_sides.fill("id bigint, x text, y text, f double precision", _values(a), _values(b))
    found, mirrored = main_sides.compare(), main_sides.compare(swapped=True)
    both = a.keys() & b.keys()
    expected = {
        **dict.fromkeys(a.keys() - both, "only_in_a"),
        **dict.fromkeys(b.keys() - both, "only_in_b"),
        **{key: "changed" for key in both if a[key] != b[key]},
    }
    assert {int(row.key["id"] or 0): row.difference for row in found.sample} == expected
    assert found.summary.different_rows == mirrored.summary.different_rows == len(expected)
    assert found.summary.pks.exclusives == mirrored.summary.pks.exclusives[::-1]
    assert found.summary.match_ratio == mirrored.summary.match_ratio
    assert changed(found) == changed(mirrored)


def test_random_edits_to_a_large_table_are_found_exactly(main_sides: Any) -> None:
    chance = random.Random(7)
    rows = {n: (f"t|{n % 13}", f"{n}", str(n / 4)) for n in range(0, 12_000, 3)}
    edited, expected = dict(rows), {}
    for key in chance.sample(list(rows), 30):
        kind = chance.choice(["only_in_a", "changed"])
        expected[key] = kind
        if kind == "changed":
            edited[key] = (None, *rows[key][1:])
        else:
            del edited[key]
    for key in (1, 4001, 12_001):
        edited[key] = ("new", "", "0")
        expected[key] = "only_in_b"
    main_sides.fill("id bigint, x text, y text, f double precision", _values(rows), _values(edited))
    result = main_sides.compare()
    assert {int(row.key["id"] or 0): row.difference for row in result.sample} == expected
    if result.method == "buckets":
        assert sum(result.copied) < len(rows)


def test_differing_rows_can_be_kept_in_a_table(main_sides: Any) -> None:
    main_sides.fill("id int, x text", "(1, 'a'), (2, NULL), (3, 'c')", "(1, 'a'), (2, 'b\n'), (4, 'd')")
    main_sides.b.run("DROP TABLE IF EXISTS observe_diff_rows")
    for expected in (3, 6):
        result = main_sides.compare(materialize_results=True)
        assert result.materialized is not None
        rows = main_sides.b.run("SELECT key, difference, column_name, a, b FROM observe_diff_rows ORDER BY key")
        assert len(rows) == expected
    assert sorted(set(rows), key=str) == [
        ('{"id": "2"}', "changed", "x", None, "b\n"),
        ('{"id": "3"}', "only_in_a", None, None, None),
        ('{"id": "4"}', "only_in_b", None, None, None),
    ]
