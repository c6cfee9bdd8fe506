"""Tables and facts for a human reader."""

import json

from inline_snapshot import snapshot

from observe_dagster.cli.output import facts, flattened, table, write, write_json


def test_json_is_one_document_with_its_own_letters(capsys):
    write_json({"name": "Größe"})
    out = capsys.readouterr().out
    assert json.loads(out) == {"name": "Größe"}
    assert "Größe" in out


def test_a_table_that_is_piped_has_no_colour_codes_and_fits_80_columns(capsys):
    columns = [("Run", "right"), ("Status", "left"), ("Message", "left")]
    write(table(columns, [("1", "success", "[red]fine[/]"), ("12", "failed", "no " * 60)]))
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 80
    assert "[red]fine[/]" in out
    assert out.count("no") == 60


def test_facts_name_nested_values_and_leave_out_what_is_absent(capsys):
    document = {"id": "flights", "errors": [], "until": None, "partitioned": False}
    document |= {"schedule": {"type": "interval", "delay": "5m"}, "owners": ["team:data", "a@b.c"]}
    write(facts(document.items()))
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == snapshot(
        [
            "id              flights",
            "partitioned     no",
            "schedule.type   interval",
            "schedule.delay  5m",
            "owners          team:data, a@b.c",
        ]
    )


def test_each_of_several_errors_is_shown_in_full():
    errors = [{"message": "first"}, {"message": "x" * 300}]
    assert list(flattened([("errors", errors)])) == [("errors.0.message", "first"), ("errors.1.message", "x" * 300)]
