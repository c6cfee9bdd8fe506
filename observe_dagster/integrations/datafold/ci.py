"""Which tables a branch deployment built, beside production's, as publications for Datafold's CI."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from string import Formatter
from typing import Any

from observe_dagster.errors import SettingsError
from observe_dagster.integrations.datafold.lineage import quoted_path
from observe_dagster.integrations.datafold.requests import ChangedTable, PullRequest
from observe_dagster.ledger import Ledger, NewPublication

PUBLISHER = "datafold"
TRIGGER = "ci_trigger"
UPLOAD = "ci_upload"

_PARTS = ("database", "schema", "table")
_OWN_PATH = "datafold_prod_table"
"""In a pipeline's `pipeline_metadata`: production's table where the pattern does not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """The pull request that a deployment is made of, at one CI configuration of Datafold.

    `prod_table` is the path of production's tables, with `{database}`, `{schema}` and `{table}` standing for the
    parts of ours. With `pull_request` a run is triggered before the upload; without it one waits there already.
    """

    config: int
    pr_num: int
    prod_table: str
    pull_request: PullRequest | None = None

    @property
    def ordering_key(self) -> str:
        """What all its publications are ordered by."""
        return f"ci/{self.config}/{self.pr_num}"


def branch_of(environment: Mapping[str, str] | None = None) -> Branch | str:
    """The branch of the environment, or what is missing; raises SettingsError for what cannot be used."""
    env = os.environ if environment is None else environment
    config = _number(env, "DATAFOLD_CI_CONFIG_ID")
    if config is None:
        return "DATAFOLD_CI_CONFIG_ID is not set"
    named = "DATAFOLD_CI_PR_NUMBER" if env.get("DATAFOLD_CI_PR_NUMBER") else "DAGSTER_CLOUD_PULL_REQUEST_ID"
    pr_num = _number(env, named)
    if pr_num is None:
        return "this deployment is of no pull request (DAGSTER_CLOUD_PULL_REQUEST_ID, DATAFOLD_CI_PR_NUMBER)"
    prod_table = env.get("DATAFOLD_CI_PROD_TABLE")
    if not prod_table:
        return "DATAFOLD_CI_PROD_TABLE is not set; say where production's tables are, such as PROD.{schema}.{table}"
    return Branch(
        config=config, pr_num=pr_num, prod_table=_pattern(prod_table), pull_request=_pull_request(env, pr_num)
    )


def changed_table(
    branch: Branch,
    path: tuple[str, str, str],
    *,
    primary_key: Sequence[str] = (),
    exclude_columns: Sequence[str] = (),
    pipeline_metadata: Mapping[str, Any] | None = None,
) -> ChangedTable:
    """A table by its database, schema and name, beside production's."""
    own = (pipeline_metadata or {}).get(_OWN_PATH)
    parts = {name: quoted_path([part]) for name, part in zip(_PARTS, path, strict=True)}
    more: dict[str, Any] = {"pk": tuple(primary_key)} if primary_key else {}
    if exclude_columns:
        more["exclude_columns"] = tuple(exclude_columns)
    return ChangedTable(
        prod=str(own) if own else branch.prod_table.format(**parts),
        pr=quoted_path([part for part in path if part]),
        **more,
    )


def enqueue_upload(tx: Ledger, branch: Branch, tables: Sequence[ChangedTable], *, upto: int, now: datetime) -> int:
    """Enqueue the upload of these tables, and before it the trigger of a run where one is needed.

    `upto` grows whenever one of the tables was built again; returns the number of publications.
    """
    record = {
        "config": branch.config,
        "pr_num": branch.pr_num,
        "upto": upto,
        "tables": [table.body() for table in tables],
    }
    names: dict[str, Any] = {"publisher": PUBLISHER, "ordering_key": branch.ordering_key}
    before = tx.outbox.newest_item(kind=UPLOAD, **names)
    if before is not None and before.record == record:
        return 0
    enqueued = 0
    if branch.pull_request is not None:
        trigger = {"config": branch.config, "pull_request": branch.pull_request.body()}
        once = f"{TRIGGER}:{branch.config}:{branch.pr_num}:{branch.pull_request.pr_sha}"
        enqueued += tx.outbox.enqueue(NewPublication(kind=TRIGGER, record=trigger, dedupe_key=once, **names), now=now)
    if tx.outbox.supersede_all(publisher=PUBLISHER, kind=UPLOAD, records={branch.ordering_key: record}, now=now):
        return enqueued
    dedupe_key = f"{UPLOAD}:{branch.config}:{branch.pr_num}:{before.id if before else 0}:{upto}"
    return enqueued + tx.outbox.enqueue(
        NewPublication(kind=UPLOAD, record=record, dedupe_key=dedupe_key, **names), now=now
    )


def _pull_request(env: Mapping[str, str], pr_num: int) -> PullRequest | None:
    base = {name: env.get(f"DATAFOLD_CI_{name.upper()}") or None for name in ("base_branch", "base_sha")}
    if not any(base.values()):
        return None
    values = {
        **base,
        "pr_branch": env.get("DATAFOLD_CI_PR_BRANCH") or env.get("DAGSTER_CLOUD_GIT_BRANCH") or None,
        "pr_sha": env.get("DATAFOLD_CI_PR_SHA") or env.get("DAGSTER_CLOUD_GIT_SHA") or None,
    }
    missing = ", ".join(f"DATAFOLD_CI_{name.upper()}" for name, value in values.items() if value is None)
    if missing:
        raise SettingsError(f"To trigger a run of Datafold's CI, set {missing} as well.")
    return PullRequest(pr_number=pr_num, **{name: str(value) for name, value in values.items()})


def _pattern(text: str) -> str:
    wrong = SettingsError(f"DATAFOLD_CI_PROD_TABLE must be a path such as PROD.{{schema}}.{{table}}, not {text!r}.")
    try:
        fields = [field for _, *field in Formatter().parse(text) if field[0] is not None]
    except ValueError:
        raise wrong from None
    plain = all(name in _PARTS and not spec and not conversion for name, spec, conversion in fields)
    if not plain or ["table", "", None] not in fields:
        raise wrong
    return text


def _number(env: Mapping[str, str], name: str) -> int | None:
    text = env.get(name)
    if not text:
        return None
    if not text.isdecimal():
        raise SettingsError(f"{name} must be a number, not {text!r}.")
    return int(text)
