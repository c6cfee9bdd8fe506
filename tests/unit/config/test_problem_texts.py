"""What a user reads when something they declared is wrong."""

# ruff: noqa: E501

from pathlib import Path

import pytest
from inline_snapshot import snapshot

from observe_dagster.config import SourceText, load_documents, load_project
from observe_dagster.errors import SpecError

CONTRACT = Path(__file__).with_name("contract.yaml").read_text()
ENVIRONMENT = {"OPS_PASSWORD": "hunter2-Secret", "LAKE_PATH": "/data/lake.duckdb"}


def problems(text: str, environment=ENVIRONMENT, folder=Path("/nowhere")) -> str:
    with pytest.raises(SpecError) as caught:
        load_documents([SourceText(file="defs.yaml", text=text, folder=folder)], environment=environment)
    return str(caught.value)


def edited(*changes: tuple[str, str]) -> str:
    text = CONTRACT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def test_all_mistakes_are_told_at_once():
    text = edited(
        ("service_provider: duckdb", "service_provider: ducdb"),
        ("frequency: hourly", "frequency: hourley"),
        ("lag: 10m", "lag: 10q"),
        ("data_model_id: flights", "data_model_id: flihgts"),
        ('owners: ["team:data"]', "owners: [data]"),
        ("      state: active\n      environment", "      stat: active\n      environment"),
        ("lookback_days: 30, active", "lookback_days: many, active"),
        ("freshness_number: 24, ", ""),
        ('port: "5432"', 'port: "five"'),
        ("write_mode: upsert", "write_mode: [upsert]"),
        ("monitors: {}", "monitors: {m: {type: metric}}"),
    )
    assert problems(text) == snapshot("""\
12 problems in what is declared:
  defs.yaml:5:41: connections.0.config.port: must be a port number such as 5432, not 'five'
  defs.yaml:6:63: connections.1.service_provider: 'ducdb' is not allowed (did you mean 'duckdb'?); use one of Postgres, DuckDB, Snowflake, BigQuery, Redshift, Databricks
  defs.yaml:10:7: pipeline_types.0: freshness_number and freshness_datepart go together
  defs.yaml:16:22: pipelines.0.data_model_id: there is no data model 'flihgts' (did you mean 'flights'?)
  defs.yaml:17:115: pipelines.0.destination.write_mode: a list is not allowed; use one of upsert, append, replace, mirror
  defs.yaml:19:7: pipelines.0.stat: unknown key (did you mean 'state'?); allowed: freshness_number, freshness_datepart, mute_freshness_check, timeliness_number, timeliness_datepart, mute_timeliness_check, id, name, pipeline_type_name, connection_id, data_model_id, engine, mparticle, destination, field_transformation, state, environment, sync_mode, schedule, anomaly_detection_rules, monitors, verify, owners, tags, group, pipeline_metadata
  defs.yaml:21:132: pipelines.0.sync_mode.lag: '10q' is not a duration; write a number and one of s, m, h, d, w, y, such as 15m
  defs.yaml:22:45: pipelines.0.schedule.frequency: 'hourley' is not allowed (did you mean 'hourly'?); use one of hourly, daily, weekly, monthly
  defs.yaml:26:69: pipelines.0.anomaly_detection_rules.0.lookback_days: must be a whole number, not 'many'
  defs.yaml:28:21: pipelines.0.monitors.m.schedule: is required
  defs.yaml:28:21: pipelines.0.monitors.m.metric: is required; use one of table, column, custom
  defs.yaml:29:16: pipelines.0.owners.0: 'data' is not an owner; write team:name or an e-mail address\
""")


def test_a_missing_key_names_what_is_missing():
    text = edited(
        ("iterator_data_type: timestamp, ", ""), ("service_provider: postgres,", ""), ("type: interval, ", "")
    )
    assert problems(text) == snapshot("""\
3 problems in what is declared:
  defs.yaml:4:7: connections.0.service_provider: is required; use one of Postgres, DuckDB, Snowflake, BigQuery, Redshift, Databricks
  defs.yaml:21:18: pipelines.0.sync_mode.iterator_data_type: is required; use one of timestamp, timestamptz, datetime, datetime_tz, timestamp_ltz, timestamp_ntz, timestamp_tz, date, timestamp_unixtime_s, timestamp_unixtime_ms, integer
  defs.yaml:22:17: pipelines.0.schedule.type: is required; use one of interval, once, on_demand\
""")


def test_the_document_itself_may_be_wrong():
    assert [
        problems(text)
        for text in (
            "",
            "--- \n",
            "- 1",
            "typ: observe_dagster.WarehouseSync",
            "type: observe_dagster.WarehousSync\nattributes: {}",
            "type: observe_dagstr.WarehouseSync\nattributes: {}",
            "type: WarehouseSync\nattributes: {}",
            "type: observe_dagster.WarehouseSync\nattribute: {}",
            "type: observe_dagster.WarehouseSync\nattributes:",
            "type: observe_dagster.WarehouseSync\nattributes: {pipeline: []}",
            "type: observe_dagster.WarehouseSync\nattributes: {pipelines: {}}",
        )
    ] == snapshot(
        [
            """\
1 problem in what is declared:
  defs.yaml: is empty; write type: observe_dagster.WarehouseSync and attributes\
""",
            """\
1 problem in what is declared:
  defs.yaml:2:1: the document is empty; write type: observe_dagster.WarehouseSync and attributes\
""",
            """\
1 problem in what is declared:
  defs.yaml:1:1: the document must be a mapping with type and attributes\
""",
            """\
1 problem in what is declared:
  defs.yaml:1:1: type: is required: observe_dagster.WarehouseSync; is it spelt 'typ'?\
""",
            """\
1 problem in what is declared:
  defs.yaml:1:7: type: 'observe_dagster.WarehousSync' is not known; did you mean 'observe_dagster.WarehouseSync'?\
""",
            """\
1 problem in what is declared:
  defs.yaml:1:7: type: 'observe_dagstr.WarehouseSync' is not known; did you mean 'observe_dagster.WarehouseSync'?\
""",
            """\
1 problem in what is declared:
  defs.yaml:1:7: type: 'WarehouseSync' is not known; did you mean 'observe_dagster.WarehouseSync'?\
""",
            """\
2 problems in what is declared:
  defs.yaml:1:1: attributes: is required
  defs.yaml:2:1: attribute: unknown key (did you mean 'attributes'?); a document has type and attributes\
""",
            """\
1 problem in what is declared:
  defs.yaml:2:12: attributes: must be a mapping\
""",
            """\
1 problem in what is declared:
  defs.yaml:2:14: pipeline: unknown key (did you mean 'pipelines'?); allowed: connections, data_models, pipeline_types, pipelines, monitors, alerts\
""",
            """\
1 problem in what is declared:
  defs.yaml:2:25: pipelines: must be a list of pipelines\
""",
        ]
    )


def test_yaml_itself_may_be_wrong():
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{after}: &{after} [{', '.join([f'*{before}'] * 10)}]\n"
        for before, after in zip("abcdef", "bcdefg", strict=True)
    )
    assert [
        problems(text)
        for text in (
            "type: [",
            "type: a\ntype: b",
            "type: \x01",
            "1: x",
            "? [a]\n: x",
            "type: !!python/object:os.system x",
            "type: *nobody",
            "type: &me [*me]",
            bomb,
            "[" * 100,
            "type: 0x_",
            "type: 'a",
        )
    ] == snapshot(
        [
            """\
1 problem in what is declared:
  defs.yaml:2:1: not YAML: while parsing a flow node: did not find expected node content\
""",
            """\
2 problems in what is declared:
  defs.yaml:1:7: type: 'a' is not known; did you mean 'observe_dagster.WarehouseSync'?
  defs.yaml:2:1: the key 'type' is given twice, first in line 1\
""",
            """\
1 problem in what is declared:
  defs.yaml:1:7: not YAML: a control character is not allowed here\
""",
            """\
2 problems in what is declared:
  defs.yaml:1:1: a key must be text; quote it
  defs.yaml:1:1: type: is required: observe_dagster.WarehouseSync\
""",
            """\
2 problems in what is declared:
  defs.yaml:1:1: type: is required: observe_dagster.WarehouseSync
  defs.yaml:1:3: a key must be text; quote it\
""",
            """\
2 problems in what is declared:
  defs.yaml:1:7: YAML tags such as !this are not used here
  defs.yaml:1:7: type: 'x' is not known; did you mean 'observe_dagster.WarehouseSync'?\
""",
            """\
1 problem in what is declared:
  defs.yaml:1:7: no anchor of this name\
""",
            """\
1 problem in what is declared:
  defs.yaml:1:12: an alias stands inside what it names\
""",
            """\
1 problem in what is declared:
  defs.yaml:5:36: aliases grow to more than 100000 values\
""",
            """\
1 problem in what is declared:
  defs.yaml:1:62: nested more than 60 deep\
""",
            """\
2 problems in what is declared:
  defs.yaml:1:7: not a value of the type it looks like; quote it
  defs.yaml:1:7: type: '0x_' is not known; did you mean 'observe_dagster.WarehouseSync'?\
""",
            """\
1 problem in what is declared:
  defs.yaml:1:9: not YAML: while scanning a quoted scalar: found unexpected end of stream\
""",
        ]
    )


def test_templates_may_be_wrong():
    text = edited(
        ("{{ env.LAKE_PATH }}", "{{ env.LAKE_PAHT }}"),
        ("name: Lake", 'name: "{{ lake }}"'),
        ("host: db.example", "host: \"{{ env.HOST or 'db.example' }}\""),
        ("{{ env.OPS_PASSWORD }}", "{{ env.OPS_PASSWORD or 'letmein' }}"),
    )
    told = problems(text)
    assert "letmein" not in told
    assert told == snapshot("""\
3 problems in what is declared:
  defs.yaml:5:111: connections.0.config.password: a secret must come from the environment; write "{{ env.NAME }}"
  defs.yaml:6:24: connections.1.name: '{{ lake }}' is not understood; write {{ env.NAME }} or {{ env.NAME or 'default' }}
  defs.yaml:6:94: connections.1.config.path: the environment variable LAKE_PAHT is not set (did you mean 'LAKE_PATH'?)\
""")


def test_a_secret_that_is_written_out_is_refused_and_not_repeated():
    for config in (
        "password: tiger-9",
        'password: "{{ env.OPS_PASSWORD }}tiger-9"',
        "password: [tiger-9]",
        "passwort: tiger-9",
    ):
        told = problems(edited(('password: "{{ env.OPS_PASSWORD }}"', config)))
        assert "tiger-9" not in told
    parts = 'host: db.example, port: "5432", database: ops, user: observe, password: "{{ env.OPS_PASSWORD }}"'
    for url in ("postgresql://me:tiger-9@db/ops", "postgresql://db/ops?user=me&password=tiger-9", "mysql://me@db/x"):
        told = problems(edited((parts, f'url: "{url}"')))
        assert "tiger-9" not in told
    assert told == snapshot("""\
1 problem in what is declared:
  defs.yaml:5:16: connections.0.config: url must begin with postgresql://\
""")


def test_a_url_may_be_written_out_when_no_password_is_in_it():
    parts = 'host: db.example, port: "5432", database: ops, user: observe, password: "{{ env.OPS_PASSWORD }}"'
    for url in ("postgresql://me@db/ops", "postgresql://me:{{ env.OPS_PASSWORD }}@db/ops"):
        text = edited((parts, f'url: "{url}"'))
        project = load_documents([SourceText(file="d", text=text, folder=Path())], environment=ENVIRONMENT)
        assert project.connection("ops").config.url.get_secret_value().startswith("postgresql://me")


def test_a_rendered_value_is_shown_as_it_was_written():
    text = edited(
        ("delay: 5m", 'delay: "{{ env.OPS_PASSWORD }}"'),
        ("frequency: hourly", 'frequency: "{{ env.OPS_PASSWORD }}"'),
        ("data_model_id: flights", 'data_model_id: "{{ env.OPS_PASSWORD }}"'),
    )
    assert problems(text, {**ENVIRONMENT, "OPS_PASSWORD": "it's\\n\nmine"}) == snapshot("""\
4 problems in what is declared:
  defs.yaml:16:22: pipelines.0.data_model_id: must be letters, digits, _ and -, not '{{ env.OPS_PASSWORD }}'
  defs.yaml:16:22: pipelines.0.data_model_id: there is no data model '{{ env.OPS_PASSWORD }}'; declared: flights
  defs.yaml:22:45: pipelines.0.schedule.frequency: '{{ env.OPS_PASSWORD }}' is not allowed; use one of hourly, daily, weekly, monthly
  defs.yaml:22:78: pipelines.0.schedule.delay: '{{ env.OPS_PASSWORD }}' is not a duration; write a number and one of s, m, h, d, w, y, such as 15m\
""")


def test_ids_and_tables_belong_to_one():
    again = CONTRACT[CONTRACT.index("    - id: flights-hourly") :]
    text = CONTRACT + again.replace("id: flights-hourly", "id: flights-again")
    assert problems(text + again.replace("table: flights", "table: flights2")) == snapshot("""\
2 problems in what is declared:
  defs.yaml:36:68: pipelines.1.destination.table: the pipeline 'flights-hourly' in defs.yaml:12 already writes analytics.flights of 'lake'
  defs.yaml:50:11: pipelines.2.id: the pipeline 'flights-hourly' is already declared in defs.yaml:12\
""")


def test_an_active_pipeline_needs_active_things():
    text = edited(
        ("name: Operations database, state: active", "name: Operations database, state: inactive"),
        ("name: Flights, state: active", "name: Flights, state: inactive"),
    )
    assert problems(text) == snapshot("""\
2 problems in what is declared:
  defs.yaml:15:22: pipelines.0.connection_id: the connection 'ops' is inactive but the pipeline is active; pause one or activate both
  defs.yaml:16:22: pipelines.0.data_model_id: the data model 'flights' is inactive but the pipeline is active; pause one or activate both\
""")


def test_a_pipeline_may_not_write_what_it_reads():
    text = edited(
        ("destination: {connection_id: lake, schema: analytics", "destination: {connection_id: ops, schema: public")
    )
    assert problems(text) == snapshot("""\
1 problem in what is declared:
  defs.yaml:17:64: pipelines.0.destination.table: the data model 'flights' reads the table that the pipeline writes\
""")


def test_columns_that_the_data_model_does_not_give_are_named():
    text = edited(
        ("primary_key: [flight_id]", "primary_key: [fligt_id, airline]"),
        ("soft_delete_field: is_deleted", "soft_delete_field: is_gone"),
        ("iterator_field: updated_at", "iterator_field: Updated_at"),
        (
            "      state: active\n      environment",
            (
                "      field_transformation: {drop: [is_deleted, x], "
                "rename: {carrier: airline, nothing: something}, cast: {carrier: text, airline: text}}\n      environment"
            ),
        ),
    )
    assert problems(text) == snapshot("""\
6 problems in what is declared:
  defs.yaml:17:91: pipelines.0.destination.primary_key.0: 'fligt_id' is not a column of the destination (did you mean 'flight_id'?); it has flight_id, airline, updated_at
  defs.yaml:18:40: pipelines.0.destination.soft_delete_field: 'is_gone' is not a column of the destination; it has flight_id, airline, updated_at
  defs.yaml:19:49: pipelines.0.field_transformation.drop.1: 'x' is not a column of the data model 'flights'; it has flight_id, carrier, updated_at, is_deleted
  defs.yaml:19:89: pipelines.0.field_transformation.rename.nothing: 'nothing' is not a column of the data model 'flights'; it has flight_id, carrier, updated_at, is_deleted
  defs.yaml:19:117: pipelines.0.field_transformation.cast.carrier: 'carrier' is not a column of the destination; it has flight_id, airline, updated_at
  defs.yaml:21:54: pipelines.0.sync_mode.iterator_field: 'Updated_at' is not a column of the data model 'flights' (did you mean 'updated_at'?); it has flight_id, carrier, updated_at, is_deleted\
""")


def test_a_star_gives_any_column():
    text = edited(("SELECT flight_id, carrier, updated_at, is_deleted", "SELECT *"), ("[flight_id]", "[anything]"))
    project = load_documents([SourceText(file="d", text=text, folder=Path())], environment=ENVIRONMENT)
    assert project.pipeline("flights-hourly").destination.primary_key == ("anything",)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (
            "SELECT flight_id,\n  'abc\nFROM t",
            snapshot(
                [
                    """\
1 problem in what is declared:
  defs.yaml:13:13: data_models.0.config.sql_query: a quote or comment that begins here is not closed\
""",
                    """\
1 problem in what is declared:
  <folder>/flights.sql:2:3: data model 'flights': a quote or comment that begins here is not closed\
""",
                ]
            ),
        ),
        (
            "SELECT flight_id\nFRM t x y",
            snapshot(
                [
                    """\
1 problem in what is declared:
  defs.yaml:13:15: data_models.0.config.sql_query: not valid SQL: Invalid expression / Unexpected token at 't'\
""",
                    """\
1 problem in what is declared:
  <folder>/flights.sql:2:5: data model 'flights': not valid SQL: Invalid expression / Unexpected token at 't'\
""",
                ]
            ),
        ),
        (
            "SELECT 1 AS flight_id;\nDELETE FROM t",
            snapshot(
                [
                    """\
1 problem in what is declared:
  defs.yaml:13:11: data_models.0.config.sql_query: a second statement begins here; a data model is one SELECT\
""",
                    """\
1 problem in what is declared:
  <folder>/flights.sql:2:1: data model 'flights': a second statement begins here; a data model is one SELECT\
""",
                ]
            ),
        ),
        (
            "DROP TABLE t",
            snapshot(
                [
                    """\
1 problem in what is declared:
  defs.yaml:12:11: data_models.0.config.sql_query: 'DROP' is not a SELECT\
""",
                    """\
1 problem in what is declared:
  <folder>/flights.sql:1:1: data model 'flights': 'DROP' is not a SELECT\
""",
                ]
            ),
        ),
        (
            "-- nothing",
            snapshot(
                [
                    """\
1 problem in what is declared:
  defs.yaml:12:11: data_models.0.config.sql_query: there is no SELECT\
""",
                    """\
1 problem in what is declared:
  <folder>/flights.sql:1:1: data model 'flights': there is no SELECT\
""",
                ]
            ),
        ),
        (
            "INSERT INTO t SELECT 1",
            snapshot(
                [
                    """\
1 problem in what is declared:
  defs.yaml:12:11: data_models.0.config.sql_query: 'INSERT' is not a SELECT\
""",
                    """\
1 problem in what is declared:
  <folder>/flights.sql:1:1: data model 'flights': 'INSERT' is not a SELECT\
""",
                ]
            ),
        ),
        (
            "WITH gone AS (\n  DELETE FROM t RETURNING *\n)\nSELECT * FROM gone",
            snapshot(
                [
                    """\
1 problem in what is declared:
  defs.yaml:13:13: data_models.0.config.sql_query: only reading is allowed\
""",
                    """\
1 problem in what is declared:
  <folder>/flights.sql:2:3: data model 'flights': only reading is allowed\
""",
                ]
            ),
        ),
        (
            "SELECT flight_id\nINTO other FROM t",
            snapshot(
                [
                    """\
1 problem in what is declared:
  defs.yaml:13:11: data_models.0.config.sql_query: SELECT INTO writes a table\
""",
                    """\
1 problem in what is declared:
  <folder>/flights.sql:2:1: data model 'flights': SELECT INTO writes a table\
""",
                ]
            ),
        ),
        (
            "SELECT flight_id FROM t\nFOR UPDATE",
            snapshot(
                [
                    """\
1 problem in what is declared:
  defs.yaml:13:11: data_models.0.config.sql_query: FOR UPDATE and FOR SHARE lock rows\
""",
                    """\
1 problem in what is declared:
  <folder>/flights.sql:2:1: data model 'flights': FOR UPDATE and FOR SHARE lock rows\
""",
                ]
            ),
        ),
        (
            "SELECT flight_id,\n  x AS flight_id\nFROM t",
            snapshot(
                [
                    """\
1 problem in what is declared:
  defs.yaml:13:18: data_models.0.config.sql_query: two columns are named 'flight_id'; give one of them another name with AS\
""",
                    """\
1 problem in what is declared:
  <folder>/flights.sql:2:8: data model 'flights': two columns are named 'flight_id'; give one of them another name with AS\
""",
                ]
            ),
        ),
        (
            "SELECT flight_id FROM t WHERE x = ?",
            snapshot(
                [
                    """\
1 problem in what is declared:
  defs.yaml:12:45: data_models.0.config.sql_query: a placeholder has no value here\
""",
                    """\
1 problem in what is declared:
  <folder>/flights.sql:1:35: data model 'flights': a placeholder has no value here\
""",
                ]
            ),
        ),
        (
            "VALUES (1)",
            snapshot(
                [
                    """\
1 problem in what is declared:
  defs.yaml:12:11: data_models.0.config.sql_query: 'VALUES' is not a SELECT\
""",
                    """\
1 problem in what is declared:
  <folder>/flights.sql:1:1: data model 'flights': 'VALUES' is not a SELECT\
""",
                ]
            ),
        ),
        (
            "EXPLAIN SELECT 1",
            snapshot(
                [
                    """\
1 problem in what is declared:
  defs.yaml:12:11: data_models.0.config.sql_query: 'EXPLAIN' is not a SELECT\
""",
                    """\
1 problem in what is declared:
  <folder>/flights.sql:1:1: data model 'flights': 'EXPLAIN' is not a SELECT\
""",
                ]
            ),
        ),
        (
            "SELECT flight_id FROM t WHERE",
            snapshot(
                [
                    """\
1 problem in what is declared:
  defs.yaml:12:35: data_models.0.config.sql_query: not valid SQL: something is missing at 'WHERE'\
""",
                    """\
1 problem in what is declared:
  <folder>/flights.sql:1:25: data model 'flights': not valid SQL: something is missing at 'WHERE'\
""",
                ]
            ),
        ),
    ],
)
def test_sql_that_is_not_one_select_is_refused_where_it_goes_wrong(tmp_path, sql, told):
    inline = '{sql_query: "SELECT flight_id, carrier, updated_at, is_deleted FROM public.flights"}'
    block = "\n        sql_query: |\n" + "".join(f"          {line}\n" for line in sql.splitlines())
    in_yaml = problems(
        edited(
            (
                "    - {id: flights, name: Flights, state: active, type: sql, config: " + inline + "}",
                "    - id: flights\n      name: Flights\n      config:" + block,
            )
        )
    )
    (tmp_path / "flights.sql").write_text(sql)
    in_file = problems(edited((inline, "{sql_file: flights.sql}")), folder=tmp_path)

    assert [in_yaml, in_file.replace(str(tmp_path), "<folder>")] == told


def test_files_may_be_unusable(tmp_path):
    (tmp_path / "binary.yaml").write_bytes(b"type: x\nname: \xff\xfe")
    (tmp_path / "large.yaml").write_bytes(b"# " + b"x" * 5_000_000)
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nothing")
    with pytest.raises(SpecError) as caught:
        load_project(tmp_path, environment={})
    assert str(caught.value).replace(str(tmp_path), "<folder>") == snapshot("""\
3 problems in what is declared:
  <folder>/binary.yaml:2:7: not UTF-8
  <folder>/gone.yaml: cannot be read: No such file or directory
  <folder>/large.yaml: larger than 5 MB; split it\
""")
    with pytest.raises(SpecError) as caught:
        load_project(tmp_path / "missing", environment={})
    assert str(caught.value).replace(str(tmp_path), "<folder>") == snapshot("""\
1 problem in what is declared:
  <folder>/missing: no such file or folder\
""")


@pytest.mark.parametrize("amount", ["lots", "80%", "4", "0GB"])
def test_an_amount_of_memory_needs_its_unit(amount):
    text = edited(("config: {path:", f'config: {{memory_limit: "{amount}", path:'))

    assert f"config.memory_limit: {amount!r} is no amount of memory; write a number and its unit, such as 4GB" in (
        problems(text)
    )
