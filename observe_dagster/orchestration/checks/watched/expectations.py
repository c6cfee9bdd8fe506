"""What is expected of watched assets."""

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
        own, added = (each.expectations.model_dump(exclude_unset=True) for each in (self, other))
        rules = {rule.metric_field: rule for rule in (*self.rules, *other.rules)}
        return AssetExpectations(expectations=Expectations(**own | added), rules=tuple(rules.values()))

    def as_json(self) -> dict[str, Any]:
        """What `of_json` reads."""
        rules = [rule.model_dump(mode="json", exclude_unset=True) for rule in self.rules]
        return {"expectations": self.expectations.model_dump(mode="json", exclude_unset=True), "rules": rules}

    @classmethod
    def of_json(cls, written: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        rules = tuple(AnomalyDetectionRule(**rule) for rule in written["rules"])
        return cls(expectations=Expectations(**written["expectations"]), rules=rules)

    @property
    def check_names(self) -> Iterator[str]:
        """The names of the checks of these expectations."""
        if self.expectations.freshness_number is not None:
            yield FRESHNESS
        if self.expectations.timeliness_number is not None:
            yield TIMELINESS
        yield from (anomaly_check_name(rule.metric_field) for rule in self.rules)

    @property
    def lookback_days(self) -> int:
        """How many days of executions the rules compare with; 0 without rules."""
        return max((rule.lookback_days for rule in self.rules), default=0)


Watched = Mapping[dg.AssetKey, AssetExpectations]
"""What is expected of each asset."""


def watched_ids(keys: Collection[dg.AssetKey]) -> list[str]:
    """The ids of these assets in the ledger."""
    from observe_dagster.ledger import watched_id

    return [watched_id(key.to_user_string()) for key in keys]


def watched_asset(key: dg.AssetKey, expected: AssetExpectations) -> "WatchedAsset":
    """The asset as the ledger records it."""
    from observe_dagster.ledger import WatchedAsset

    return WatchedAsset(asset_key=key.to_user_string(), expectations=expected.expectations, rules=expected.rules)
