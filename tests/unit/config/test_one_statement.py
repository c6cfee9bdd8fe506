"""A SELECT that the parser and the engine would cut differently is refused."""

import pytest

from observe_dagster.config.sql.select import Select, SelectFault, read_select


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT date$$ FROM t) AS m; DROP TABLE x; SELECT (SELECT date$$",
        "SELECT date$a$ FROM t) AS m; DROP TABLE x; SELECT (SELECT date$a$",
        "SELECT a, date_1$$; DROP TABLE x; SELECT $$",
        "SELECT date$$ ; DROP TABLE x; SELECT $$",
        "SELECT timestamp$$; DROP TABLE x; -- $$",
        "SELECT é$$; DROP TABLE x; SELECT $$",
        "SELECT date\u00a0$$; DROP TABLE x; SELECT $$",
        "SELECT 1; DROP TABLE x",
        "SELECT 1 -- a\r; DROP TABLE x",
        "SELECT E'\\' || '; DROP TABLE x; --'; DROP TABLE x; --'",
        "SELECT /* /* */ 1 */ 2; DROP TABLE x",
    ],
)
@pytest.mark.parametrize("dialect", ["postgres", "duckdb"])
def test_a_second_statement_is_seen_behind_every_quote(sql: str, dialect: str) -> None:
    assert isinstance(read_select(sql, dialect), SelectFault)


@pytest.mark.parametrize("sql", ["SELECT $$a; b$$ AS x", "SELECT ($q$a; b$q$) AS x", "SELECT 1 AS n,$$a; b$$ AS x"])
def test_text_in_dollars_may_hold_anything(sql: str) -> None:
    assert isinstance(read_select(sql, "postgres"), Select)


def test_a_space_that_only_the_parser_takes_for_one_is_refused_with_its_place() -> None:
    fault = read_select("SELECT 1 AS n,\n  \u00a0$$; DROP TABLE x; --$$ AS d", "postgres")
    assert isinstance(fault, SelectFault)
    assert (fault.line, fault.column) == (2, 4)
    assert "belongs to the word before it" in fault.message
