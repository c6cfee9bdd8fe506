"""The root of the command line: help, bad usage, exit codes, where errors go."""

import json
import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from observe_dagster.cli import main
from observe_dagster.cli.app import Root
from observe_dagster.cli.options import common
from observe_dagster.errors import AlreadyInProgressError

HEAVY = ("dagster", "duckdb", "pandas", "pyarrow", "scipy", "sqlalchemy", "psycopg", "rich", "pydantic", "sqlglot")
COMMANDS = [
    ["dev"],
    ["demo"],
    ["migrate"],
    ["validate"],
    ["connections", "list"],
    ["connections", "show"],
    ["connections", "test"],
    ["data-models", "list"],
    ["data-models", "show"],
    ["pipelines", "list"],
    ["pipelines", "show"],
    ["trigger"],
    ["report"],
    ["runs"],
    ["run"],
    ["pause"],
    ["resume"],
    ["status"],
    ["checks", "list"],
    ["checks", "show"],
    ["checks", "history"],
    ["unflag"],
    ["prune"],
    ["alerts", "list"],
    ["alerts", "test"],
]


def test_help_imports_nothing_heavy():
    script = (
        "import sys\n"
        "from observe_dagster.cli import main\n"
        "try:\n    main(['--help'])\n"
        f"except SystemExit:\n    print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "trigger" in done.stdout
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_json_and_debug_and_says_what_it_does(command):
    result = CliRunner().invoke(main, [*command, "--help"])
    assert result.exit_code == 0
    assert "--json" in result.stdout
    assert "--debug" in result.stdout


def test_no_command_is_cut_short_in_the_overview():
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    assert "..." not in result.stdout.split("Commands:")[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["runs"],
        ["runs", "a", "--page", "0"],
        ["runs", "a", "--start-date", "soon"],
        ["runs", "a", "--start-date", "2024-02-01", "--end-date", "2024-01-01"],
        ["run", "a", "zero"],
        ["trigger", "a", "--from", "2024-01-02", "--until", "2024-01-01"],
        ["trigger", "a", "--from", "2024-01-02", "--full-refresh"],
        ["dev", "--port", "70000"],
        ["validate", "/no/such/folder"],
    ],
    ids=" ".join,
)
def test_bad_usage_exits_2_and_is_said_on_stderr_only(arguments):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Error: " in result.stderr


def test_bad_usage_with_json_is_an_error_object():
    result = CliRunner().invoke(main, ["runs", "a", "--page", "0", "--json"])
    assert result.exit_code == 2
    assert result.stdout == ""
    failure = json.loads(result.stderr)
    assert failure["statusCode"] == 400
    assert "--page" in failure["errors"][0]["message"]


@pytest.fixture
def failing():
    @click.group(cls=Root)
    def root():
        pass

    def command(name, error):
        def function():
            raise error

        root.add_command(click.command(name)(common(function)))

    command("known", AlreadyInProgressError("flights"))
    command("unknown", ZeroDivisionError("by zero at postgresql://ann:hunter2@db/x"))
    command("interrupted", KeyboardInterrupt())
    command("unheard", BrokenPipeError())
    return root


def test_a_known_error_is_one_line_and_exit_1(failing):
    result = CliRunner().invoke(failing, ["known"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: Pipeline flights is already in progress.\n"


def test_a_known_error_with_json_is_the_error_object_of_the_document(failing):
    result = CliRunner().invoke(failing, ["known", "--json"])
    assert (result.exit_code, result.stdout) == (1, "")
    message = {"message": "Pipeline flights is already in progress."}
    assert json.loads(result.stderr) == {"statusCode": 400, "errors": [message]}


def test_an_unexpected_error_shows_its_traceback_only_with_debug(failing):
    plain = CliRunner().invoke(failing, ["unknown"])
    debug = CliRunner().invoke(failing, ["unknown", "--debug"])
    assert plain.exit_code == debug.exit_code == 1
    assert "Traceback" not in plain.stderr
    assert "Traceback" in debug.stderr
    assert "hunter2" not in plain.stderr + debug.stderr


def test_an_interrupt_exits_130_without_a_word(failing):
    result = CliRunner().invoke(failing, ["interrupted"])
    assert (result.exit_code, result.output.strip()) == (130, "")


def test_a_reader_that_goes_away_is_no_error():
    read, write = os.pipe()
    os.close(read)
    script = "from observe_dagster.cli import main; main(['--help'])"
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-c", script], stdout=closed, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.stderr == ""
