"""A secret is in no text that leaves the package: repr, error, masked output, hash."""

import json
import string
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from observe_dagster.config import (
    MASK,
    Connection,
    SourceText,
    content_hash,
    load_documents,
    masked,
    redact,
    secrets_of,
)
from observe_dagster.errors import SpecError

CONTRACT = Path(__file__).with_name("contract.yaml").read_text()
PARTS = 'host: db.example, port: "5432", database: ops, user: observe, password: "{{ env.OPS_PASSWORD }}"'
CONNECTIONS = TypeAdapter(Connection)


def connection(service_provider: str, /, **config):
    return CONNECTIONS.validate_python({"id": "c", "name": "C", "service_provider": service_provider, "config": config})


SNOWFLAKE = dict.fromkeys(
    ("account_identifier", "region", "warehouse", "database", "user", "role", "storage_integration"), "x"
)
KEY = json.dumps({"private_key": "-----BEGIN\nabc\n-----END", "client_email": "me@example.org"})
SECRETIVE = [
    connection("postgres", host="h", database="d", user="u", password="tiger-9"),
    connection("postgres", url="postgresql://u:tiger-9@h/d"),
    connection("snowflake", password="tiger-9", **SNOWFLAKE),
    connection("redshift", database="d", user="u", password="tiger-9", aws_iam_role_arn="a", host="h"),
    connection("bigquery", region="r", project_id="p", dataset_id="d", service_account_id="s", service_account_key=KEY),
]


@pytest.mark.parametrize("declared", SECRETIVE, ids=lambda declared: declared.service_provider)
def test_no_form_of_a_connection_shows_its_secret(declared):
    for shown in (repr(declared), str(declared), json.dumps(masked(declared)), content_hash(declared)):
        assert "tiger-9" not in shown
        assert "BEGIN" not in shown


def test_a_masked_connection_keeps_what_is_not_secret():
    assert masked(SECRETIVE[0]) == {
        "id": "c",
        "name": "C",
        "state": "active",
        "datafold_id": None,
        "monte_carlo_resource_uuid": None,
        "monte_carlo_resource_type": None,
        "service_provider": "Postgres",
        "config": {
            "url": None,
            "host": "h",
            "port": "5432",
            "database": "d",
            "user": "u",
            "password": MASK,
            "sslmode": None,
        },
    }
    assert masked(SECRETIVE[1])["config"]["url"] == "************"
    assert masked(connection("databricks", provider="p", schema="s"))["config"] == {"provider": "p", "schema": "s"}


def test_the_password_inside_a_url_is_a_secret_in_every_form():
    secrets = secrets_of(connection("postgres", url="postgresql://u:ti%40ger%2F9@h/d?sslpassword=other-1"))

    for text in ("ti%40ger%2F9", "ti@ger/9", "other-1", "postgresql://u:ti%40ger%2F9@h/d?sslpassword=other-1"):
        assert text in secrets


def test_the_private_key_inside_a_service_account_key_is_a_secret():
    told = redact("key -----BEGIN\nabc\n-----END or -----BEGIN\\nabc\\n-----END", secrets_of(SECRETIVE[-1]))

    assert told == f"key {MASK} or {MASK}"


def test_a_connection_without_secrets_has_none():
    assert secrets_of(connection("duckdb", path="/x")) == ()
    assert redact("nothing to hide", ()) == "nothing to hide"


@given(
    st.text(alphabet=string.printable, min_size=1, max_size=20).filter(lambda text: text not in MASK),
    st.text(max_size=30),
    st.text(max_size=30),
)
def test_a_redacted_text_never_holds_the_secret(password, before, after):
    secrets = secrets_of(connection("postgres", host="h", database="d", user="u", password=password))

    assert password not in redact(f"{before}{password}{after}", secrets).replace(MASK, "\0")


@pytest.mark.parametrize(
    "change",
    [
        ("state: active, service_provider: postgres", "state: gone, service_provider: postgres"),
        ("user: observe, ", ""),
        ("user: observe", "user: [observe]"),
        ("password:", "passwords:"),
        ("name: Flights, hourly", 'name: ["{{ env.OPS_PASSWORD }}"]'),
        ("lag: 10m", 'lag: "{{ env.OPS_PASSWORD }}"'),
        ("group: flights", 'group: "{{ env.OPS_PASSWORD }}"'),
        ('owners: ["team:data"]', 'owners: ["{{ env.OPS_PASSWORD }}"]'),
        ("delay: 5m", 'timezone: "{{ env.OPS_PASSWORD }}"'),
        ("FROM public.flights", "FROM WHERE '{{ env.OPS_PASSWORD }}'"),
        ("primary_key: [flight_id]", 'primary_key: ["{{ env.OPS_PASSWORD }}"]'),
        (PARTS, 'url: "{{ env.OPS_PASSWORD }}"'),
    ],
)
def test_a_mistake_beside_a_secret_does_not_show_it(change):
    old, new = change
    assert old in CONTRACT
    with pytest.raises(SpecError) as caught:
        load_documents(
            [SourceText(file="d.yaml", text=CONTRACT.replace(old, new), folder=Path())],
            environment={"OPS_PASSWORD": "ti'ger\\9 x", "LAKE_PATH": "/x"},
        )

    told = "".join(traceback.format_exception(caught.value))
    assert "ger\\9" not in told
    assert "ger\\\\9" not in told


def test_the_repr_of_a_project_shows_no_secret():
    text = CONTRACT.replace(PARTS, 'url: "postgresql://me:{{ env.OPS_PASSWORD }}@h/d"')
    for source in (CONTRACT, text):
        project = load_documents(
            [SourceText(file="d.yaml", text=source, folder=Path())],
            environment={"OPS_PASSWORD": "tiger-9", "LAKE_PATH": "/x"},
        )
        assert "tiger-9" not in repr(project)
        assert "tiger-9" in secrets_of(project.connection("ops"))
