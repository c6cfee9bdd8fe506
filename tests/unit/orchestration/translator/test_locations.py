"""A table's URI and name tell where it is and never how to get in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from observe_dagster.config import Connection
from observe_dagster.orchestration.translator.specs import qualified_name, table_uri
from observe_dagster.records import TableName

TABLE = TableName(schema="sales", table="Orders 2024")
_ADAPTER = TypeAdapter(Connection)
_SNOWFLAKE = {
    "account_identifier": "acme-1",
    "region": "eu",
    "warehouse": "w",
    "database": "SALES",
    "user": "u",
    "role": "r",
    "password": "secret",
    "storage_integration": "s",
}
_BIGQUERY = {
    "region": "eu",
    "project_id": "acme",
    "dataset_id": "core",
    "service_account_id": "a",
    "service_account_key": "secret",
}
_REDSHIFT = {"database": "dw", "user": "u", "password": "secret", "aws_iam_role_arn": "arn", "host": "rs.example"}
_POSTGRES = {"host": "db.example", "database": "ops", "user": "u", "password": "secret"}


def connection(provider: str, /, **config: object) -> Connection:
    """A connection of a provider."""
    return _ADAPTER.validate_python({"id": "c", "name": "C", "service_provider": provider, "config": config})


@pytest.mark.parametrize(
    ("declared", "uri", "name", "schema"),
    [
        (connection("postgres", **_POSTGRES), "postgres://db.example:5432/ops", "ops.sales.Orders 2024", "public"),
        (
            connection("postgres", url="postgresql://u:secret@db.example:5433/o%20ps?password=secret"),
            "postgres://db.example:5433/o%20ps",
            "o ps.sales.Orders 2024",
            "public",
        ),
        (connection("duckdb", path="/data/my lake.db"), "duckdb:///data/my%20lake.db", "sales.Orders 2024", "main"),
        (
            connection("duckdb", path="md:lake"),
            "duckdb://md%3Alake",
            "sales.Orders 2024",
            "main",
        ),
        (connection("snowflake", **_SNOWFLAKE), "snowflake://acme-1/SALES", "SALES.sales.Orders 2024", "PUBLIC"),
        (connection("bigquery", **_BIGQUERY), "bigquery://acme", "acme.sales.Orders 2024", "core"),
        (connection("redshift", **_REDSHIFT), "redshift://rs.example:5439/dw", "dw.sales.Orders 2024", "public"),
        (connection("databricks", provider="acme", schema="core"), "databricks://acme", "sales.Orders 2024", "core"),
    ],
    ids=["postgres", "postgres-url", "duckdb", "motherduck", "snowflake", "bigquery", "redshift", "databricks"],
)
def test_each_provider_says_where_its_tables_are(declared, uri, name, schema):
    assert table_uri(declared, TABLE) == f"{uri}/sales/Orders%202024"
    assert qualified_name(declared, TABLE) == name
    assert declared.default_schema == schema


@given(st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=20).map("Sesame".__add__))
def test_no_password_is_shown_however_it_is_written(password):
    declared = connection("postgres", url=f"postgresql://user:{password}@db.example/ops")

    assert "Sesame" not in table_uri(declared, TABLE) + qualified_name(declared, TABLE)
