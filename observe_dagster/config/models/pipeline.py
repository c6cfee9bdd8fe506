"""Pipelines: a data model of one connection, written to a table of another, on a schedule."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from observe_dagster.config.models.base import Declared, Identifier, Name, Slug
from observe_dagster.config.models.monitors import Monitor
from observe_dagster.config.models.owners import Owner
from observe_dagster.config.models.schedule import FullSync, IncrementalSync, IntervalSchedule, Schedule, SyncMode
from observe_dagster.config.models.warehouse_sync import MParticle, fill_in_remote, remote_faults
from observe_dagster.datatypes import parse_data_type

Datepart = Literal["minute", "hour", "day", "week", "month", "year"]


class Expectations(Declared):
    """How fresh a pipeline must be and how long its runs may take; both halves of a pair or neither."""

    freshness_number: int | None = Field(default=None, ge=1)
    freshness_datepart: Datepart | None = None
    mute_freshness_check: bool = False
    timeliness_number: int | None = Field(default=None, ge=1)
    timeliness_datepart: Datepart | None = None
    mute_timeliness_check: bool = False

    @model_validator(mode="after")
    def _pairs(self) -> "Expectations":
        for kind in ("freshness", "timeliness"):
            if (getattr(self, f"{kind}_number") is None) != (getattr(self, f"{kind}_datepart") is None):
                raise ValueError(f"{kind}_number and {kind}_datepart go together")
        return self


class PipelineType(Expectations):
    """Defaults that pipelines of one kind share."""

    name: Name


AnomalyMethod = Literal["robust", "zscore"]
ANOMALY_DEFAULTS: dict[AnomalyMethod, tuple[float, int]] = {"robust": (3.5, 8), "zscore": (3.0, 30)}
"""For each method the `z_threshold` and `minimum_executions` of a rule without its own."""


class AnomalyDetectionRule(Declared):
    """Watch one metric of a pipeline's runs; each method has defaults of its own."""

    metric_field: str = Field(min_length=1, max_length=150)
    method: AnomalyMethod = "robust"
    z_threshold: float = Field(default=ANOMALY_DEFAULTS["robust"][0], ge=1, le=10)
    lookback_days: int = Field(default=30, ge=1, le=365)
    minimum_executions: int = Field(default=ANOMALY_DEFAULTS["robust"][1], ge=5, le=1000)
    active: bool = True

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_method(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("method") == "zscore":
            z_threshold, minimum_executions = ANOMALY_DEFAULTS["zscore"]
            return {"z_threshold": z_threshold, "minimum_executions": minimum_executions, **value}
        return value


def _known_type(text: str) -> str:
    parse_data_type(text)
    return text


TypeName = Annotated[str, AfterValidator(_known_type)]


class FieldTransformation(Declared):
    """How source columns become destination columns: drop, then rename, then cast; constants are added."""

    rename: dict[Identifier, Identifier] = Field(default_factory=dict)
    cast: dict[Identifier, TypeName] = Field(default_factory=dict)
    drop: tuple[Identifier, ...] = ()
    constant: dict[Identifier, str | bool | int | float | None] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> "FieldTransformation":
        if both := sorted(set(self.drop) & set(self.rename)):
            raise ValueError(f"{both[0]!r} is both dropped and renamed")
        targets = [*self.rename.values(), *self.constant]
        if twice := sorted({name for name in targets if targets.count(name) > 1}):
            raise ValueError(f"two columns would be named {twice[0]!r}")
        return self


class DestinationTable(Declared):
    """The table a pipeline writes and how. Column names are the destination's, after the field transformation."""

    connection_id: Slug
    schema_: Identifier = Field(alias="schema")
    table: Identifier
    primary_key: tuple[Identifier, ...] = ()
    write_mode: Literal["upsert", "append", "replace", "mirror"] = "upsert"
    soft_delete_field: Identifier | None = None
    schema_change: Literal["evolve", "freeze", "discard"] = "evolve"
    max_delete_percent: float = Field(default=20.0, ge=0, le=100)

    @model_validator(mode="after")
    def _keys_and_modes(self) -> "DestinationTable":
        if self.write_mode in ("upsert", "mirror") and not self.primary_key:
            raise ValueError(f"write_mode {self.write_mode} needs a primary_key")
        if len(set(self.primary_key)) < len(self.primary_key):
            raise ValueError("primary_key names a column twice")
        if self.soft_delete_field is not None and self.write_mode != "upsert":
            raise ValueError("soft_delete_field needs write_mode upsert")
        if self.table.startswith("_observe_") or self.table.endswith("__rejected"):
            raise ValueError(f"{self.table!r} is a name this package keeps for itself")
        return self


_TAG_KEY = re.compile(r"(dagster/kind/|[A-Za-z0-9_.-]{1,63}/)?[A-Za-z0-9_.-]{1,63}")
_TAG_VALUE = re.compile(r"[A-Za-z0-9_.-]{0,63}")


def _tag_key(key: str) -> str:
    if not _TAG_KEY.fullmatch(key):
        raise ValueError(
            f"{key!r} is not a tag key; write letters, digits, _, - and ., at most 63 of them, "
            "after a namespace and a slash if wanted"
        )
    return key


def _tag_value(value: str) -> str:
    if not _TAG_VALUE.fullmatch(value):
        raise ValueError(f"{value!r} is not a tag value; write letters, digits, _, - and ., at most 63 of them")
    return value


TagKey = Annotated[str, AfterValidator(_tag_key)]
TagValue = Annotated[str, AfterValidator(_tag_value)]


def _destination_may_be_absent(schema: JsonDict) -> None:
    """Editors cannot know that only `engine: mparticle` needs no destination."""
    required = schema.get("required")
    if isinstance(required, list) and "destination" in required:
        required.remove("destination")


REMOTE_ENGINES = ("mparticle",)
"""Systems that move a pipeline's rows themselves."""


class Pipeline(Expectations):
    """One table kept in step with one data model, or one data model loaded into mParticle."""

    model_config = ConfigDict(json_schema_extra=_destination_may_be_absent)

    id: Slug
    name: Name
    pipeline_type_name: Name | None = None
    connection_id: Slug
    data_model_id: Slug
    engine: Literal["local", "mparticle"] = "local"
    mparticle: MParticle | None = None
    destination: DestinationTable
    field_transformation: FieldTransformation = FieldTransformation()
    state: Literal["new", "active", "paused"] = "active"
    environment: Literal["development", "production"] = "production"
    sync_mode: SyncMode
    schedule: Schedule
    anomaly_detection_rules: tuple[AnomalyDetectionRule, ...] = ()
    monitors: dict[Slug, Monitor] = Field(default_factory=dict)
    verify: Literal["none", "diff"] = "none"
    owners: tuple[Owner, ...] = ()
    tags: dict[TagKey, TagValue] = Field(default_factory=dict)
    group: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_]+$")
    pipeline_metadata: dict[str, Any] = Field(default_factory=dict)

    @property
    def is_local(self) -> bool:
        """Whether its rows are moved here and not by another system."""
        return self.engine not in REMOTE_ENGINES

    _remote = model_validator(mode="before")(fill_in_remote)

    @model_validator(mode="after")
    def _engine_fits(self) -> "Pipeline":
        if fault := remote_faults(self):
            raise ValueError(fault)
        return self

    @model_validator(mode="after")
    def _modes_fit(self) -> "Pipeline":
        mode, write_mode = self.sync_mode, self.destination.write_mode
        if isinstance(mode, FullSync) and write_mode == "append":
            raise ValueError("a full sync with write_mode append would add every row again on each run; use replace")
        if isinstance(mode, IncrementalSync):
            if write_mode in ("replace", "mirror"):
                raise ValueError(f"write_mode {write_mode} needs sync_mode.type full")
            if write_mode == "append" and mode.lag is not None:
                raise ValueError("sync_mode.lag reads rows again, which write_mode append would add twice; use upsert")
            if write_mode == "append" and mode.null_iterator == "include":
                raise ValueError("null_iterator include reads rows again, which append would add twice; use upsert")
        if isinstance(self.schedule, IntervalSchedule) and self.schedule.partitioned:
            if not isinstance(mode, IncrementalSync) or mode.iterator_data_type == "integer":
                raise ValueError("schedule.partitioned needs an incremental sync by a time")
            if mode.lag is not None:
                raise ValueError("schedule.partitioned reads whole windows, so lag has no meaning")
        if len({rule.metric_field for rule in self.anomaly_detection_rules}) < len(self.anomaly_detection_rules):
            raise ValueError("anomaly_detection_rules has two rules for one metric_field")
        return self

    @property
    def table_key(self) -> tuple[str, str, str]:
        """Where the pipeline writes: connection, schema, table."""
        return (self.destination.connection_id, self.destination.schema_, self.destination.table)
