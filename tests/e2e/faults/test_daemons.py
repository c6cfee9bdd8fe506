"""A daemon and the code server are killed while a sync runs, with a second daemon beside them that goes on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from observe_dagster.ledger import Ledger
from tests.e2e.faults.deployment import deployment, kill_and_mend


@pytest.mark.timeout(600)
def test_two_daemons_sync_a_tick_once_and_a_code_server_killed_with_its_run_costs_one_more_run(
    make_database: Callable[[], str], ledger: Ledger, tmp_path: Path
) -> None:
    with deployment(tmp_path, shop=make_database(), store=make_database(), ledger=ledger) as deployed:
        assert kill_and_mend(deployed, ledger, ["first", "code"]) == []
