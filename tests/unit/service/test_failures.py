"""What an error says, what it exits with, and that it keeps secrets."""

import click
import pytest

from observe_dagster.errors import (
    AlreadyInProgressError,
    ConnectionFailedError,
    LedgerSchemaError,
    NotFoundError,
    Problem,
    SpecError,
)
from observe_dagster.redaction import MASK
from observe_dagster.service.failures import describe, redact, traceback_of


@pytest.mark.parametrize(
    ("error", "exit_code", "status_code"),
    [
        (AlreadyInProgressError("a"), 1, 400),
        (NotFoundError("pipeline", "a"), 1, 404),
        (ConnectionFailedError("a", "no such host"), 1, 505),
        (LedgerSchemaError("old"), 1, 400),
        (click.UsageError("no such option"), 2, 400),
        (ZeroDivisionError("by zero"), 1, 500),
    ],
)
def test_each_kind_of_error_has_the_status_code_of_the_document(error, exit_code, status_code):
    failure = describe(error)
    assert (failure.exit_code, failure.status_code) == (exit_code, status_code)


def test_an_error_document_has_the_fields_of_the_api():
    assert describe(AlreadyInProgressError("flights")).document() == {
        "statusCode": 400,
        "errors": [{"message": "Pipeline flights is already in progress."}],
    }


def test_every_problem_of_what_is_declared_is_one_entry_with_its_place():
    problems = [
        Problem(file="a.yaml", message="is unknown", path="pipelines.0.x", line=3, column=5),
        Problem(file="b.yaml", message="is missing"),
    ]
    failure = describe(SpecError(problems))
    assert failure.lines == (
        "2 problems in what is declared:",
        "  a.yaml:3:5: pipelines.0.x: is unknown",
        "  b.yaml: is missing",
    )
    assert failure.document()["errors"] == [
        {"message": "is unknown", "file": "a.yaml", "path": "pipelines.0.x", "line": 3, "column": 5},
        {"message": "is missing", "file": "b.yaml", "path": "", "line": None, "column": None},
    ]


def test_an_unexpected_error_points_to_the_debug_option():
    assert describe(KeyError("x")).lines == ("KeyError: 'x'", "This was not expected; --debug shows where it happened.")


@pytest.mark.parametrize(
    "text",
    [
        "password authentication failed for hunter2",
        "could not parse postgresql://ann:hunter2@db:5432/x",
        "could not parse postgresql://ann:hun@ter2@db:5432/x",
    ],
)
def test_a_secret_is_masked_wherever_it_stands(text):
    said = redact(text, ["hunter2"])
    assert "hunter2" not in said
    assert "ter2" not in said
    assert MASK in said


def test_a_url_without_a_password_is_left_as_it_is():
    assert redact("see http://127.0.0.1:3000/runs and mail a@b.c") == "see http://127.0.0.1:3000/runs and mail a@b.c"


def _fail(password):
    try:
        raise ValueError(f"cannot use {password}")
    except ValueError as error:
        raise RuntimeError("gave up") from error


def test_a_traceback_shows_the_causes_but_neither_variables_nor_secrets():
    with pytest.raises(RuntimeError) as caught:
        _fail("hunter2")
    text = traceback_of(caught.value, ["hunter2"])
    assert "RuntimeError: gave up" in text
    assert f"ValueError: cannot use {MASK}" in text
    assert "hunter2" not in text
    assert "password =" not in text
