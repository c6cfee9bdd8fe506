"""Watched assets and their ended executions, as callers describe them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from observe_dagster.config.models.pipeline import AnomalyDetectionRule, Expectations
from observe_dagster.records import Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedAsset:
    """An asset that is defined elsewhere, by its key with the parts joined by `/`, and what is expected of it."""

    asset_key: str
    name: str | None = None
    expectations: Expectations | None = None
    rules: tuple[AnomalyDetectionRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedExecution:
    """A run that has ended; without `started_at` its duration is unknown.

    `counts` is None where the number of rows is unknown: a run that succeeded is then a load. `execution_metadata`
    holds further measurements; its numbers can be watched for anomalies. A run that `is_past` ended before the asset
    was watched: later ones are compared with it, and it is not judged itself.
    """

    asset_key: str
    execution_key: str
    ended_at: datetime
    started_at: datetime | None = None
    succeeded: bool = True
    counts: Counts | None = None
    errors: Sequence[str] = ()
    execution_metadata: Mapping[str, Any] = field(default_factory=dict[str, Any], hash=False)
    logical_date: datetime | None = None
    dagster_run_id: str | None = None
    is_past: bool = False


def watched_id(asset_key: str) -> str:
    """The id of a watched asset: its key, with a slash even where it has one part, so that no pipeline has it."""
    return asset_key if "/" in asset_key else f"/{asset_key}"


def asset_key_of(pipeline_id: str) -> tuple[str, ...]:
    """The parts of a watched asset's key."""
    return tuple(pipeline_id.removeprefix("/").split("/"))
