"""What is sent to Datafold: strict, so that a mistake is found here and not there."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, PlainSerializer, StrictBool, StrictInt, StrictStr, model_validator

from observe_dagster.config.models.base import Declared

Text = Annotated[StrictStr, Field(min_length=1)]
Texts = tuple[Text, ...]


def _iso(value: datetime) -> str:
    return value.isoformat()


Moment = Annotated[AwareDatetime, PlainSerializer(_iso, return_type=str)]


class _Request(Declared):
    def body(self) -> dict[str, Any]:
        """The request's JSON: what was given, and no more."""
        return self.model_dump(mode="json", exclude_unset=True, by_alias=True)


class PullRequest(_Request):
    """A pull or merge request and where it branched off."""

    base_branch: Text
    base_sha: Text
    pr_branch: Text
    pr_number: StrictInt
    pr_sha: Text


class ChangedTable(_Request):
    """A table that a pull request changes: its path in production, and that of the version built from the branch."""

    prod: Text
    pr: Text
    pk: Texts | None = None
    include_columns: Texts = ()
    exclude_columns: Texts = ()


class DatafoldColumnTolerance(_Request):
    """How far the values of one column may be apart."""

    column_name: Text
    tolerance_value: float = Field(ge=0, allow_inf_nan=False)
    tolerance_mode: Literal["absolute", "relative"]


class DataDiff(_Request):
    """Two datasets to compare, each exactly one of a table (its path's parts) and a query; fields as in the API."""

    data_source1_id: StrictInt
    data_source2_id: StrictInt
    table1: Texts | None = None
    table2: Texts | None = None
    query1: Text | None = None
    query2: Text | None = None
    pk_columns: Texts | None = None
    infer_pk: StrictBool = False
    filter1: Text | None = None
    filter2: Text | None = None
    include_columns: Texts | None = None
    exclude_columns: Texts | None = None
    columns_to_compare: Texts | None = None
    column_mapping: tuple[tuple[Text, Text], ...] | None = None
    compare_duplicates: StrictBool | None = None
    table_modifiers: tuple[Literal["case_insensitive_strings", "null_equals_empty_string"], ...] | None = None
    diff_tolerance: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    tolerance_mode: Literal["absolute", "relative"] | None = None
    diff_tolerances_per_column: tuple[DatafoldColumnTolerance, ...] | None = None
    datetime_tolerance: StrictInt | None = Field(default=None, ge=0, le=6)
    sampling_tolerance: float | None = None
    sampling_confidence: float | None = None
    sampling_ratio: float | None = None
    sampling_max_rows: StrictInt | None = Field(default=None, ge=1)
    sampling_threshold: StrictInt | None = Field(default=None, ge=0)
    materialize_dataset1: StrictBool | None = None
    materialize_dataset2: StrictBool | None = None
    materialization_destination_id: StrictInt | None = None
    materialize_without_sampling: StrictBool | None = None
    run_profiles: StrictBool | None = None
    per_column_diff_limit: StrictInt | None = Field(default=None, ge=1)
    download_limit: StrictInt | None = Field(default=None, ge=1)
    time_column: Text | None = None
    time_aggregate: Literal["minute", "hour", "day", "week", "month", "year"] | None = None
    time_interval_start: Moment | None = None
    time_interval_end: Moment | None = None
    tags: Texts | None = None

    @model_validator(mode="after")
    def _sides(self) -> "DataDiff":
        for side in ("1", "2"):
            if (getattr(self, f"table{side}") is None) == (getattr(self, f"query{side}") is None):
                raise ValueError(f"give exactly one of table{side} and query{side}")
        if not self.infer_pk and not self.pk_columns:
            raise ValueError("give pk_columns, or set infer_pk")
        if self.include_columns and self.exclude_columns:
            raise ValueError("exclude_columns is ignored where include_columns is given; give one of them")
        if (self.sampling_tolerance is None) != (self.sampling_confidence is None):
            raise ValueError("sampling_tolerance and sampling_confidence go together")
        return self
