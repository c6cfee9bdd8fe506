"""Types keep their meaning in all four directions."""

from decimal import Decimal

import pytest

from observe_dagster.errors import UnsupportedTypeError

VALUES = {
    "truth": ("boolean", "BOOLEAN", "true"),
    "small": ("smallint", "SMALLINT", "(-32768)"),
    "whole": ("integer", "INTEGER", "2147483647"),
    "large": ("bigint", "BIGINT", "9007199254740993"),
    "largest": ("bigint", "BIGINT", "9223372036854775807"),
    "price": ("numeric(12,2)", "DECIMAL(12,2)", "1234567890.12"),
    "exact": ("numeric(38,10)", "DECIMAL(38,10)", "1234567890123456789012345678.0123456789"),
    "approximate": ("real", "FLOAT", "1.5"),
    "precise": ("double precision", "DOUBLE", "0.1"),
    "not_a_number": ("double precision", "DOUBLE", "'NaN'"),
    "beyond": ("double precision", "DOUBLE", "'Infinity'"),
    "below": ("double precision", "DOUBLE", "'-Infinity'"),
    "text": ("text", "VARCHAR", "'naïve 日本 \U0001f600 ''quoted'' \\N'"),
    "empty": ("text", "VARCHAR", "''"),
    "bytes": ("bytea", "BLOB", "'\\x00ff41'::bytea"),
    "day": ("date", "DATE", "'2024-02-29'"),
    "endless_day": ("date", "DATE", "'infinity'"),
    "time_of_day": ("time", "TIME", "'23:59:59.999999'"),
    "moment": ("timestamp", "TIMESTAMP", "'2024-03-10 02:30:00.000001'"),
    "endless": ("timestamp", "TIMESTAMP", "'infinity'"),
    "instant": ("timestamptz", "TIMESTAMP WITH TIME ZONE", "'2024-03-10 02:30:00+05:30'"),
    "ever": ("timestamptz", "TIMESTAMP WITH TIME ZONE", "'-infinity'"),
    "id128": ("uuid", "UUID", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"),
    "document": ("jsonb", "JSON", """'{"a": [1, null, "ü"]}'"""),
    "numbers": ("integer[]", "INTEGER[]", "ARRAY[1, NULL, 3]"),
    "words": ("text[]", "VARCHAR[]", "ARRAY['a', '', NULL, 'ü']"),
    "endless_days": ("date[]", "DATE[]", "ARRAY['infinity', '-infinity', '2024-02-29', NULL]"),
    "endless_moments": (
        "timestamp without time zone[]",
        "TIMESTAMP[]",
        "ARRAY['infinity', '-infinity', '2024-02-29', NULL]",
    ),
    "amounts": ("numeric(5,2)[]", "DECIMAL(5,2)[]", "ARRAY[1.25, NULL]"),
    "ids": ("uuid[]", "UUID[]", "ARRAY['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']"),
    "Order": ("text", "VARCHAR", "'reserved'"),
    'q"uote': ("text", "VARCHAR", "'mixed Case'"),
    "Größe": ("integer", "INTEGER", "7"),
}
BLOB_IN_DUCKDB = "'\\x00\\xFF\\x41'::BLOB"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def as_text(engine: str, name: str) -> str:
    native = VALUES[name][0]
    field = quoted(name)
    if native == "bytea":
        return f"encode({field}, 'hex')" if engine == "postgres" else f"lower(hex({field}))"
    if native == "jsonb":
        return field if engine == "postgres" else f"CAST({field} AS VARCHAR)"
    if native.endswith("[]"):
        return (
            f"array_to_string({field}::text[], '|', '<null>')"
            if engine == "postgres"
            else (f"array_to_string(list_transform({field}, lambda x: coalesce(CAST(x AS VARCHAR), '<null>')), '|')")
        )
    return f"CAST({field} AS {'text' if engine == 'postgres' else 'VARCHAR'})"


def spelt_alike(value: object) -> str:
    return str(value).lower().replace("infinity", "inf")


def make_source(world) -> None:
    position = 0 if world.source.name == "postgres" else 1
    columns = ", ".join(f"{quoted(name)} {kinds[position]}" for name, kinds in VALUES.items())
    literals = [BLOB_IN_DUCKDB if name == "bytes" and position else kinds[2] for name, kinds in VALUES.items()]
    casts = ", ".join(f"{text}::{kinds[position]}" for text, kinds in zip(literals, VALUES.values(), strict=True))
    nulls = ", ".join("NULL" for _ in VALUES)
    world.source.run(
        f"CREATE TABLE items (id bigint, {columns})", f"INSERT INTO items VALUES (1, {casts}), (2, {nulls})"
    )


@pytest.mark.parametrize("write_mode", ["replace", "upsert"])
def test_every_value_arrives_as_it_left(world, write_mode: str) -> None:
    make_source(world)
    world.declare(sync_mode={"type": "full"}, destination={"write_mode": write_mode})
    world.sync()
    again = world.sync()
    for name in VALUES:
        sent = world.source.run(f"SELECT {as_text(world.source.name, name)} FROM items ORDER BY id")
        arrived = world.rows(as_text(world.target.name, name), order="id")
        if name == "document":
            import json

            sent = [(json.loads(v) if isinstance(v, str) else v,) for (v,) in sent]
            arrived = [(json.loads(v) if isinstance(v, str) else v,) for (v,) in arrived]
        assert [spelt_alike(v) for v in arrived] == [spelt_alike(v) for v in sent], name
        assert arrived[0] != (None,), name
    if write_mode == "upsert":
        assert (again.counts.unchanged, again.counts.updates) == (2, 0)


def test_columns_are_declared_with_the_type_of_their_meaning(world) -> None:
    make_source(world)
    world.declare(sync_mode={"type": "full"}, destination={"write_mode": "replace"})
    world.sync()
    position = 0 if world.target.name == "postgres" else 1
    if position:
        found = {row[0]: row[1] for row in world.target.run("DESCRIBE analytics.items")}
    else:
        found = dict(
            world.target.run(
                "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
                "WHERE attrelid = 'analytics.items'::regclass AND attnum > 0"
            )
        )
    spelt = {"time": "time without time zone", "timestamp": "timestamp without time zone"}
    spelt |= {"timestamptz": "timestamp with time zone"}
    for name, kinds in VALUES.items():
        wanted = kinds[position] if position else spelt.get(kinds[0], kinds[0])
        if name == "amounts" and not position and world.source.name == "postgres":
            wanted = "numeric(5,2)[]"
        assert found[name] == wanted, name


@pytest.mark.parametrize(
    ("source", "target", "kind", "value"),
    [
        ("postgres", "duckdb", "numeric", "1.5"),
        ("postgres", "duckdb", "numeric(50,3)", "1.5"),
        ("postgres", "duckdb", "inet", "'10.0.0.1'"),
        ("duckdb", "postgres", "TIMESTAMP_NS", "'2024-01-01'"),
        ("duckdb", "postgres", "STRUCT(a INTEGER)", "{'a': 1}"),
    ],
)
def test_a_type_the_destination_cannot_hold_is_named_before_any_row_moves(
    make_world, source: str, target: str, kind: str, value: str
) -> None:
    world = make_world(source, target)
    world.source.run(f"CREATE TABLE items (id bigint, odd {kind})", f"INSERT INTO items VALUES (1, {value})")
    world.declare(sync_mode={"type": "full"}, destination={"write_mode": "replace"})
    with pytest.raises(UnsupportedTypeError, match="column 'odd'"):
        world.sync()


def test_a_cast_makes_an_unbounded_number_fit_and_keeps_aside_what_does_not(make_world) -> None:
    world = make_world("postgres", "duckdb")
    world.source.run("CREATE TABLE items (id bigint, odd numeric)", "INSERT INTO items VALUES (1, 1.25), (2, 'NaN')")
    world.declare(
        sync_mode={"type": "full"},
        destination={"write_mode": "replace"},
        field_transformation={"cast": {"odd": "decimal(20,4)"}},
    )
    counts = world.sync().counts
    assert (counts.inserts, counts.rejected) == (1, 1)
    assert world.rows("odd") == [(Decimal("1.2500"),)]
    assert world.rows("reason", table="items__rejected") == [('column "odd": NaN is not a DECIMAL(20,4)',)]


def test_postgres_keeps_its_own_types_in_postgres(make_world) -> None:
    world = make_world("postgres", "postgres")
    world.source.run(
        "CREATE TYPE mood AS ENUM ('glad')",
        "CREATE DOMAIN price AS numeric(8,2)",
        "CREATE TABLE items (id bigint, host inet, span interval, feeling mood, cost price, code char(4), n numeric)",
        "INSERT INTO items VALUES (1, '10.0.0.0/8', '1 mon 2 days', 'glad', 1.5, 'ab', 'NaN')",
    )
    world.declare(sync_mode={"type": "full"}, destination={"write_mode": "replace"})
    world.sync()
    assert world.rows("host::text, span::text, feeling, cost, code, n::text") == [
        ("10.0.0.0/8", "1 mon 2 days", "glad", Decimal("1.50"), "ab  ", "NaN")
    ]


def test_text_that_postgres_cannot_hold_is_kept_aside_with_the_reason(make_world) -> None:
    world = make_world("duckdb", "postgres")
    world.source.run(
        "CREATE TABLE items (id bigint, note varchar, words varchar[])",
        "INSERT INTO items VALUES (1, 'fine', ['a', NULL]), (2, 'a' || chr(0) || 'b', ['c']), (NULL, NULL, NULL), "
        "(4, NULL, ['d', chr(0)]), (5, NULL, NULL), (6, '\u2400', [])",
    )
    world.declare(sync_mode={"type": "full"}, destination={"write_mode": "replace"})

    counts = world.sync().counts

    assert (counts.total_rows, counts.inserts, counts.rejected) == (6, 3, 3)
    assert world.rows("id, note, words") == [(1, "fine", ["a", None]), (5, None, None), (6, "\u2400", [])]
    nul = 'column "{}": text with a NUL character, which PostgreSQL cannot hold'
    assert world.rows("reason, row_values ->> 'note', row_values ->> 'words'", table="items__rejected") == [
        (nul.format("note"), "a\u2400b", "{c}"),
        (nul.format("words"), None, "{d,\u2400}"),
        ('primary key "id" is null', None, None),
    ]
