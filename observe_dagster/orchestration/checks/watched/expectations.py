"""What is expected of assets that others make."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import dagster as dg

from observe_dagster.config.models.check_names import FRESHNESS, TIMELINESS, anomaly_check_name
from observe_dagster.config.models.pipeline import AnomalyDetectionRule, Expectations

if TYPE_CHECKING:
    from observe_dagster.ledger import WatchedAsset


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetExpectations:
    """What is expected of one asset; `+` adds what another check expects of the same."""

    expectations: Expectations = field(default_factory=Expectations)
    rules: tuple[AnomalyDetectionRule, ...] = ()

    def __add__(self, other: "AssetExpectations") -> "AssetExpectations":
        said = {**self.expectations.model_dump(exclude_unset=True), **other.expectations.model_dump(exclude_unset=True)}
        rules = {rule.metric_field: rule for rule in (*self.rules, *other.rules)}
        return AssetExpectations(expectations=Expectations(**said), rules=tuple(rules.values()))

    def as_json(self) -> dict[str, Any]:
        """What `of_json` reads."""
        rules = [rule.model_dump(mode="json", exclude_unset=True) for rule in self.rules]
        return {"expectations": self.expectations.model_dump(mode="json", exclude_unset=True), "rules": rules}

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        rules = tuple(AnomalyDetectionRule(**rule) for rule in told["rules"])
        return cls(expectations=Expectations(**told["expectations"]), rules=rules)

    @property
    def check_names(self) -> Iterator[str]:
        """The checks that this makes."""
        if self.expectations.freshness_number is not None:
            yield FRESHNESS
        if self.expectations.timeliness_number is not None:
            yield TIMELINESS
        yield from (anomaly_check_name(rule.metric_field) for rule in self.rules)

    @property
    def lookback_days(self) -> int:
        """How far back runs are compared with; 0 where nothing is compared."""
        return max((rule.lookback_days for rule in self.rules), default=0)


Watched = Mapping[dg.AssetKey, AssetExpectations]
"""What is expected of each asset."""


def watched_ids(keys: Collection[dg.AssetKey]) -> list[str]:
    """What the ledger calls these assets."""
    from observe_dagster.ledger import watched_id

    return [watched_id(key.to_user_string()) for key in keys]


def as_observed(key: dg.AssetKey, watch: AssetExpectations) -> "WatchedAsset":
    """What the ledger is to know of an asset."""
    from observe_dagster.ledger import WatchedAsset

    return WatchedAsset(asset_key=key.to_user_string(), expectations=watch.expectations, rules=watch.rules)
