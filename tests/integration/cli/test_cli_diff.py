"""`observe diff` on two real databases."""

import json

import psycopg
from inline_snapshot import snapshot


def test_equal_tables_exit_with_0_and_different_ones_with_1(workspace):
    with_copy(workspace)
    same = workspace.run("diff", "ops:public.orders", "warehouse:copied.orders", "--key", "id")
    assert (same.exit_code, same.stderr) == (0, "")

    workspace.source("UPDATE orders SET amount = NULL WHERE id = 2")
    workspace.source("DELETE FROM orders WHERE id = 3")
    different = workspace.run("diff", "ops:public.orders", "warehouse:copied.orders", "--key", "id")
    assert different.exit_code == 1
    assert different.stdout == snapshot("""\
            A   B
─────────────────
Rows        2   3
Only here   0   1

Column   Different values   Match
─────────────────────────────────
amount                  1    50 %

Rows that differ  2 of 3   \n\
Changed           1        \n\
Match             66.6667 %

Key   Column   A      B        \n\
───────────────────────────────
2     amount   NULL   3        \n\
3     -        -      only here
""")


def test_options_narrow_and_widen(workspace):
    with_copy(workspace)
    workspace.source("UPDATE orders SET amount = amount + 0.01")
    sides = ("diff", "ops:public.orders", "warehouse:copied.orders", "--key", "id")
    assert workspace.run(*sides).exit_code == 1
    for options in (
        ["--tolerance", "0.01"],
        ["--exclude", "amount"],
        ["--columns", "updated_at"],
        ["--where-a", "false", "--where-b", "false"],
    ):
        assert workspace.run(*sides, *options).exit_code == 0, options
    queries = ["--query-a", "SELECT 1 AS id", "--query-b", "SELECT 1 AS id"]
    assert workspace.run("diff", "ops", "warehouse", "--key", "id", *queries).exit_code == 0


def test_the_json_is_datafolds_summary_with_rows(workspace):
    with_copy(workspace)
    workspace.source("DELETE FROM orders WHERE id = 3")
    result = workspace.run("diff", "ops:public.orders", "warehouse:copied.orders", "--key", "id", "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["equal"], document["pks"]["exclusives"]) == (1, False, [0, 1])
    assert document["sample"][0]["key"] == {"id": "3"}


def test_what_is_wrong_with_the_command_is_said(workspace):
    wrong = {
        ("ops", "warehouse:x", "--key", "id"): (2, "A is 'ops'; write CONNECTION:SCHEMA.TABLE."),
        ("ops:x", "warehouse:x"): (2, "Missing option '--key'"),
        ("ops:orders", "ops:orders", "--key", "nothing"): (1, "dataset_a has no column 'nothing'"),
        ("ops:orders", "gone:orders", "--key", "id"): (1, "There is no connection 'gone'"),
        ("ops:orders", "far:orders", "--key", "id"): (1, "Connection 'far'"),
        ("ops:a.b.c.d", "ops:orders", "--key", "id"): (1, "is not a table; write schema.table"),
    }
    for arguments, (code, said) in wrong.items():
        result = workspace.run("diff", *arguments)
        assert (result.exit_code, said in result.stderr) == (code, True), result.stderr


def with_copy(workspace):

    with psycopg.connect(workspace.source_url) as source, psycopg.connect(workspace.warehouse_url) as warehouse:
        rows = source.execute("SELECT * FROM orders").fetchall()
        warehouse.execute("CREATE SCHEMA copied")
        warehouse.execute(
            "CREATE TABLE copied.orders (id int PRIMARY KEY, amount numeric(12,2), updated_at timestamptz)"
        )
        warehouse.cursor().executemany("INSERT INTO copied.orders VALUES (%s, %s, %s)", rows)
