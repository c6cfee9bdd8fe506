"""What statements write: targets, columns and edges, and statements that build on one another."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observe_dagster.lineage import ScriptLineage, script_lineage

KNOWN = {("t",): ("a", "b", "i"), ("s",): ("i", "a", "c")}
PROVIDERS = ("postgres", "duckdb", "snowflake", "bigquery", "redshift", "databricks")


def read(sql: str, dialect: str = "postgres", schema: Any = None) -> ScriptLineage:
    return script_lineage(sql, dialect, defaults=("d",), schema=KNOWN if schema is None else schema)


def edges(sql: str, dialect: str = "postgres", schema: Any = None) -> list[str]:
    """Each column edge as `s.c -> t.a`, in lower case and without the schema."""
    found = read(sql, dialect, schema).column_edges()
    return [f"{'.'.join(a.table[1:])}.{a.column} -> {'.'.join(b.table[1:])}.{b.column}".lower() for a, b in found]


def tables(sql: str, dialect: str = "postgres") -> list[str]:
    return [f"{'.'.join(a)} -> {'.'.join(b)}" for a, b in read(sql, dialect).table_edges()]


@pytest.mark.parametrize("dialect", PROVIDERS)
@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("INSERT INTO t (b, a) SELECT c, i FROM s", ["s.c -> t.b", "s.i -> t.a"]),
        ("INSERT INTO t SELECT c, i FROM s", ["s.c -> t.a", "s.i -> t.b"]),
        ("INSERT INTO t (a) WITH x AS (SELECT c FROM s) SELECT c FROM x", ["s.c -> t.a"]),
        ("INSERT INTO t (a) SELECT c FROM s UNION ALL SELECT z FROM u", ["s.c -> t.a", "u.z -> t.a"]),
        ("INSERT INTO t (a) VALUES (1)", []),
        ("CREATE TABLE n AS SELECT a + b AS ab, i FROM t", ["t.a -> n.ab", "t.b -> n.ab", "t.i -> n.i"]),
        ("CREATE OR REPLACE VIEW v AS SELECT * FROM t", ["t.a -> v.a", "t.b -> v.b", "t.i -> v.i"]),
        ("CREATE VIEW v (x, y) AS SELECT i, c FROM s", ["s.i -> v.x", "s.c -> v.y"]),
        ("UPDATE t SET a = s.c, b = 1 FROM s WHERE s.i = t.i", ["s.c -> t.a"]),
        (
            (
                "MERGE INTO t USING s ON t.i = s.i WHEN MATCHED THEN UPDATE SET a = s.c"
                " WHEN NOT MATCHED THEN INSERT (a, b) VALUES (s.a, s.c)"
            ),
            ["s.c -> t.a", "s.a -> t.a", "s.c -> t.b"],
        ),
        (
            (
                "MERGE INTO t USING (SELECT i, MAX(c) AS m FROM s GROUP BY i) AS q ON t.i = q.i"
                " WHEN MATCHED THEN UPDATE SET a = q.m"
            ),
            ["s.c -> t.a"],
        ),
    ],
)
def test_every_provider_s_writes_are_followed(dialect, sql, found):
    assert edges(sql, dialect) == found
    assert read(sql, dialect).unresolved == ()


@pytest.mark.parametrize(
    ("dialect", "sql", "found"),
    [
        ("postgres", "SELECT a INTO n FROM t", ["t.a -> n.a"]),
        ("redshift", "SELECT a INTO n FROM t UNION SELECT c FROM s", ["t.a -> n.a", "s.c -> n.a"]),
        ("postgres", "UPDATE t SET (a, b) = (SELECT i, c FROM s)", ["s.i -> t.a", "s.c -> t.b"]),
        ("postgres", "WITH x AS (SELECT c FROM s) UPDATE t SET a = x.c FROM x", ["s.c -> t.a"]),
        (
            "postgres",
            "INSERT INTO t (i, a) SELECT i, c FROM s ON CONFLICT (i) DO UPDATE SET b = excluded.a",
            ["s.i -> t.i", "s.c -> t.a", "s.c -> t.b"],
        ),
        (
            "postgres",
            "WITH gone AS (DELETE FROM t RETURNING a, i) INSERT INTO n (x, y) SELECT * FROM gone",
            ["t.a -> n.x", "t.i -> n.y"],
        ),
        ("duckdb", "INSERT INTO t BY NAME SELECT c AS b, i AS a FROM s", ["s.c -> t.b", "s.i -> t.a"]),
        ("duckdb", "CREATE TABLE n AS FROM t", ["t.a -> n.a", "t.b -> n.b", "t.i -> n.i"]),
        ("snowflake", "CREATE TABLE n CLONE s", ["s.i -> n.i", "s.a -> n.a", "s.c -> n.c"]),
        (
            "snowflake",
            "INSERT ALL INTO n (x) VALUES (c) INTO m SELECT i, c FROM s",
            ["s.c -> n.x", "s.i -> m.i", "s.c -> m.c"],
        ),
        (
            "databricks",
            "MERGE INTO t USING s ON t.i = s.i WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *",
            ["s.i -> t.i", "s.a -> t.a", "s.c -> t.c"],
        ),
        ("databricks", "INSERT OVERWRITE TABLE t SELECT c, i, a FROM s", ["s.c -> t.a", "s.i -> t.b", "s.a -> t.i"]),
        ("bigquery", "CREATE OR REPLACE TABLE n AS SELECT * EXCEPT (a) FROM t", ["t.b -> n.b", "t.i -> n.i"]),
        (
            "snowflake",
            "CREATE TABLE n AS SELECT * FROM t PIVOT (SUM(a) FOR b IN ('x' AS x, 'y' AS y)) AS p",
            ["t.i -> n.i", "t.a -> n.x", "t.a -> n.y"],
        ),
    ],
)
def test_writes_that_only_some_engines_have_are_followed(dialect, sql, found):
    assert edges(sql, dialect) == found


def test_statements_build_on_those_before_them():
    sql = """
        CREATE VIEW v AS SELECT a AS x, b FROM t;
        CREATE TABLE n AS SELECT * FROM v;
        INSERT INTO m (k) SELECT x FROM n;
    """
    assert edges(sql) == ["t.a -> v.x", "t.b -> v.b", "v.x -> n.x", "v.b -> n.b", "n.x -> m.k"]
    assert tables(sql) == ["d.t -> d.v", "d.v -> d.n", "d.n -> d.m"]


def test_a_temporary_table_is_seen_through():
    sql = """
        CREATE TEMP TABLE z AS SELECT a AS x FROM t;
        INSERT INTO z SELECT c FROM s;
        CREATE TABLE n AS SELECT x FROM z;
        DROP TABLE z;
        CREATE TABLE m AS SELECT x FROM z;
    """
    assert edges(sql) == ["t.a -> n.x", "s.c -> n.x", "z.x -> m.x"]
    assert tables(sql) == ["d.t -> d.n", "d.s -> d.n", "d.z -> d.m"]


def test_two_columns_of_one_name_both_count():
    outputs = read("SELECT a, c AS a, i AS a FROM s").statements[0].query.outputs
    assert [(one.name, [ref.column for ref in one.sources]) for one in outputs] == [
        ("a", ["a"]),
        ("a", ["c"]),
        ("a", ["i"]),
    ]


def test_a_table_that_feeds_itself_has_edges_between_its_columns_only():
    sql = "UPDATE t SET a = b + 1, i = i + 1"
    assert edges(sql) == ["t.b -> t.a"]
    assert tables(sql) == []


def test_a_wrong_statement_spoils_no_other():
    found = read("CREATE TABLE n AS SELECT a FROM t;\nSELEC 1;\nCREATE TABLE m AS SELECT b FROM t")
    assert [one.target for one in found.statements] == [("d", "n"), ("d", "m")]
    assert [(one.line, one.column) for one in found.faults] == [(2, 7)]


@pytest.mark.parametrize(
    ("dialect", "sql", "reason"),
    [
        (
            "postgres",
            "INSERT INTO n SELECT a FROM t",
            "the columns of d.n are not known; they are taken to be named as",
        ),
        ("postgres", "INSERT INTO t SELECT a, b, i, 1 FROM t", "the query has more columns than the table"),
        ("postgres", "INSERT INTO t (a) SELECT * FROM u", "* stands for columns that are not known: those of d.u"),
        ("postgres", "CREATE TABLE n AS SELECT count(*) FROM t", "a column without a name is left out"),
        ("snowflake", "CREATE TABLE n CLONE u", "the columns of d.U are not known"),
        ("snowflake", "COPY INTO t FROM @stage", "COPY is not followed"),
        ("postgres", "CALL f()", "CALL is not followed"),
        ("postgres", "ALTER TABLE t RENAME TO n", "a table is renamed that nothing was said of before"),
        ("postgres", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 1'", "what a function does is not"),
    ],
)
def test_what_is_not_followed_says_why(dialect, sql, reason):
    assert any(reason in one.reason for one in read(f"SELECT 1;\n{sql}", dialect).unresolved)
    assert all(one.line == 2 for one in read(f"SELECT 1;\n{sql}", dialect).unresolved)


@pytest.mark.parametrize(
    "sql",
    ["SET x = 1", "DROP TABLE t", "DELETE FROM t WHERE a = 1", "TRUNCATE TABLE t", "GRANT SELECT ON t TO u", "BEGIN"],
)
def test_what_moves_no_rows_between_tables_is_no_finding(sql):
    found = read(sql)
    assert (found.unresolved, found.faults, list(found.table_edges())) == ((), (), [])


def test_an_unknown_dialect_is_a_fault():
    assert "Unknown dialect 'cobol'" in read("SELECT 1", "cobol").faults[0].reason


_WORDS = (  # noqa: SIM905
    "SELECT INSERT UPDATE MERGE INTO FROM t s a b i c * ( ) , ; = SET USING ON WHEN MATCHED THEN VALUES CREATE TABLE "
    "VIEW AS WITH x UNION PIVOT LATERAL JOIN 1 'q' \" . TEMP BY NAME sum( FOR IN"
).split()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(_WORDS), max_size=20), st.sampled_from(PROVIDERS))
def test_nothing_is_raised_whatever_the_text(words, dialect):
    found = read(" ".join(words), dialect)
    assert all(one.line >= 1 and one.column >= 1 and one.reason for one in (*found.unresolved, *found.faults))
    for source, target in found.column_edges():
        assert source != target


@pytest.mark.parametrize("dialect", PROVIDERS)
@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("CREATE TABLE n AS SELECT c FROM s; ALTER TABLE n RENAME TO m", ["s -> m"]),
        (
            "CREATE TABLE n AS SELECT c FROM s; ALTER TABLE n RENAME TO m; INSERT INTO o SELECT c FROM m",
            ["s -> m", "m -> o"],
        ),
        ("CREATE TABLE n AS SELECT c FROM s; ALTER TABLE s RENAME TO p", ["p -> n"]),
        (
            "CREATE TABLE n AS SELECT c FROM s; ALTER TABLE o RENAME TO p; ALTER TABLE n RENAME TO o",
            ["s -> o"],
        ),
    ],
)
def test_what_was_said_of_a_table_follows_its_new_name(dialect, sql, found):
    assert [edge.lower().replace("d.", "") for edge in tables(sql, dialect)] == found


def test_a_renamed_table_keeps_its_columns_and_a_temporary_one_is_still_seen_through():
    sql = "CREATE TABLE n AS SELECT i AS x, c AS y FROM s; ALTER TABLE n RENAME TO m; INSERT INTO t SELECT * FROM m"
    seen = "CREATE TEMP TABLE n AS SELECT c FROM s; ALTER TABLE n RENAME TO m; INSERT INTO t (a) SELECT c FROM m"

    assert edges(sql)[2:] == ["m.x -> t.a", "m.y -> t.b"]
    assert edges(seen) == ["s.c -> t.a"]


def test_tables_that_swap_their_names_swap_what_was_said_of_them():
    sql = "CREATE TABLE n AS SELECT c FROM s; INSERT INTO t (a) SELECT b FROM u; ALTER TABLE n SWAP WITH t"

    assert edges(sql, "snowflake") == ["s.c -> t.c", "u.b -> n.a"]


def test_a_new_name_without_a_schema_is_in_the_schema_of_the_old_one():
    assert tables("CREATE TABLE x.n AS SELECT 1 FROM x.s; ALTER TABLE x.n RENAME TO m") == ["x.s -> x.m"]
    assert tables("CREATE TABLE x.n AS SELECT 1 FROM x.s; ALTER TABLE x.n RENAME TO y.m") == ["x.s -> y.m"]
