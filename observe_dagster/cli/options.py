"""The options that every command has."""

from collections.abc import Callable
from copy import copy
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def common(function: _Command) -> _Command:
    """Give a command `--json` and `--debug`; `main` has read both before the command's own options are parsed."""
    function = click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")(
        function
    )
    return click.option(
        "--json", "as_json", is_flag=True, expose_value=False, help="Answer with one JSON document on stdout."
    )(function)


def hidden(command: click.Command) -> click.Command:
    """The same command under an earlier spelling, which `--help` does not list."""
    alias = copy(command)
    alias.hidden = True
    return alias
