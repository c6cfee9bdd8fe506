"""What is known of a SELECT, and that it is read once."""

import pytest

from observe_dagster.config.sql.reading import Reading, reading
from observe_dagster.config.sql.select import OutputColumn, SelectFault


def read(sql: str, dialect: str = "postgres") -> Reading:
    found = reading(sql, dialect)
    assert isinstance(found, Reading)
    return found


def test_a_reading_has_the_columns_and_the_tables_in_the_order_they_are_written():
    sql = 'WITH recent AS (SELECT id FROM sales.orders) SELECT r.id, "Name" FROM recent r JOIN customers USING (id)'

    found = read(sql)

    assert found.columns == (
        OutputColumn(name="id", offset=sql.index("r.id") + 2),
        OutputColumn(name="Name", offset=sql.index('"Name"')),
    )
    assert found.tables == (("sales", "orders"), ("", "customers"))


def test_a_table_that_is_read_twice_is_named_once():
    assert read("SELECT a.id FROM orders a JOIN Orders b ON a.id = b.parent").tables == (("", "orders"),)


def test_a_star_hides_the_columns_but_not_the_tables():
    found = read("SELECT * FROM orders")
    assert (found.columns, found.tables) == (None, (("", "orders"),))


@pytest.mark.parametrize("ending", ["", ";", "\n", " ;\n;\n"])
def test_what_follows_the_last_word_makes_no_other_select(ending):
    sql = "SELECT id FROM orders WHERE note <> ';'"
    assert read(sql + ending) is read(sql)


def test_each_dialect_reads_for_itself():
    sql = "SELECT Id FROM Orders"
    assert read(sql).tables == (("", "orders"),)
    assert read(sql, "snowflake").tables == (("", "ORDERS"),)


def test_what_is_no_select_is_a_fault_at_its_place():
    assert reading("  \n;", "postgres") == SelectFault(message="there is no SELECT", line=1, column=1)
    assert reading("SELECT 1;\nDELETE FROM orders;\n", "postgres") == SelectFault(
        message="a second statement begins here; a data model is one SELECT", line=2, column=1
    )
