"""How many rows a sampled diff compares, and what a count in the sample implies for all rows."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from observe_dagster.config.models.diff import DiffSampling

_CONFIDENCE = 95.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """What was looked at: `rate` of all rows, 0 to 1, of datasets with `rows` rows; `confidence` is percent."""

    rate: float
    rows: tuple[int, int]
    confidence: float

    def estimate(self, different: int, compared: int) -> dict[str, Any]:
        """Estimate how many of all rows differ when `different` of `compared` in the sample do (Wilson's interval)."""
        everything = compared / self.rate
        z = NormalDist().inv_cdf(0.5 + self.confidence / 200)
        if compared == 0:
            low, high, part = 0.0, 1.0, 0.0
        else:
            part = different / compared
            middle = (part + z * z / (2 * compared)) / (1 + z * z / compared)
            half = z / (1 + z * z / compared) * math.sqrt(part * (1 - part) / compared + (z / (2 * compared)) ** 2)
            low, high = max(0.0, middle - half), min(1.0, middle + half)
        estimate = round(part * everything)
        return {
            "value": different,
            "estimate": estimate,
            "confidence": self.confidence,
            "interval": {
                "min": min(estimate, max(different, math.floor(low * everything))),
                "max": max(estimate, math.ceil(high * everything)),
            },
        }


def part_to_compare(sampling: DiffSampling | None, rows: tuple[int, int]) -> Sampled | None:
    """The part of the rows to look at, None for all of them."""
    most = max(rows)
    if sampling is None or most == 0 or most < (sampling.threshold or 0):
        return None
    rate = 1.0
    if sampling.rate is not None:
        rate = sampling.rate / 100
    elif sampling.max_rows is not None:
        rate = sampling.max_rows / most
    elif sampling.tolerance is not None and sampling.confidence is not None:
        z = NormalDist().inv_cdf(0.5 + sampling.confidence / 200)
        needed = (z / (sampling.tolerance / 100)) ** 2 / 4
        rate = needed / (1 + (needed - 1) / most) / most
    if rate >= 1:
        return None
    return Sampled(rate=rate, rows=rows, confidence=sampling.confidence or _CONFIDENCE)
