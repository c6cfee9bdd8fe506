"""Draw a metric's history, the band that was expected and the judged run, as a small SVG picture.

Dagster shows it as an image of a markdown text, which cannot know whether the page is light or dark. The picture has
no background, and its colours are of a middle brightness that stands out from white and from black.
"""

import base64
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from zoneinfo import ZoneInfo

from observe_dagster.checks.anomaly.baseline import MICROSECONDS_PER_DAY, Anomaly, Measured
from observe_dagster.checks.dateparts import number
from observe_dagster.clock import EPOCH, microseconds
from observe_dagster.records import Outcome, Status

TEXT, LINE, BAND = "#747a86", "#4a7fd6", "#1f9d70"
COLORS = {Status.PASS: "#1d8f64", Status.WARN: "#b07a12", Status.FAIL: "#dd4b46"}
_WIDTH, _HEIGHT = 720, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 700, 44, 228
_COLUMNS = 150
_MOST_FLAGGED = 40
_HIGHEST_BAND = 2.0
_SLOT_BAND = 60
_SIZES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axes:
    """Where instants (microseconds since 1970) and values lie on the picture."""

    first: int
    last: int
    low: float
    high: float

    def x(self, at: int) -> int:
        return round(_LEFT + (at - self.first) / max(self.last - self.first, 1) * (_RIGHT - 12 - _LEFT))

    def y(self, value: float) -> int:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(_BOTTOM - share * (_BOTTOM - _TOP))


_Point = tuple[int, float, bool]


def picture_markdown(declared: Anomaly, observed: Measured, outcome: Outcome) -> str:
    """Write the picture as markdown that stands alone, with the outcome's sentence as its alternative text."""
    encoded = base64.b64encode(svg(declared, observed, outcome).encode()).decode()
    alternative = "".join(f"\\{sign}" if sign in "\\[]`*_<>!&" else sign for sign in " ".join(outcome.reason.split()))
    return f"![{alternative}](data:image/svg+xml;base64,{encoded})"


def svg(declared: Anomaly, observed: Measured, outcome: Outcome) -> str:
    """Draw the runs of the last `lookback_days`; flagged ones as rings, the judged one by its status."""
    end = microseconds(observed.at)
    points = _recent(declared, observed, end)
    axes = _axes(points, end, outcome)
    title = f"{declared.metric_field} of {declared.name}"
    title = title if len(title) <= 80 else f"{title[:79]}…"
    shape = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
    style = f'font-family="system-ui,sans-serif" font-size="12" fill="{TEXT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {shape} {style}>',
        f"<title>{escape(outcome.reason)}</title>",
        f'<text x="{_LEFT}" y="20" font-size="14" font-weight="600">{escape(title)}</text>',
        *_scale(axes, declared.timezone),
        *_band(axes, outcome),
        *_history(axes, points),
        *_judged(axes, end, outcome),
        "</svg>",
    ]
    return "".join(parts)


def _recent(declared: Anomaly, observed: Measured, end: int) -> list[_Point]:
    start = end - declared.lookback_days * MICROSECONDS_PER_DAY
    history = observed.history
    rows = zip(history.at.tolist(), history.values.tolist(), history.flagged.tolist(), strict=True)
    return sorted((at, value, flagged) for at, value, flagged in rows if start <= at < end and math.isfinite(value))


def _axes(points: Sequence[_Point], end: int, outcome: Outcome) -> _Axes:
    values = [value for _, value, _ in points]
    values += [value for value in (outcome.value, outcome.expected) if value is not None]
    low, high = min(0.0, *values, 0.0), max(0.0, *values, 0.0)
    room = _HIGHEST_BAND * (high - low)
    low = max(low - room, min(low, low if outcome.lower is None else outcome.lower))
    high = min(low + room, max(high, high if outcome.upper is None else outcome.upper))
    first = points[0][0] if points else end - MICROSECONDS_PER_DAY
    return _Axes(first=first, last=end, low=low, high=high if high > low else low + 1.0)


def _scale(axes: _Axes, timezone: str) -> Iterable[str]:
    for value in _round_values(axes.low, axes.high):
        y = axes.y(value)
        yield f'<path d="M{_LEFT} {y}H{_RIGHT}" stroke="{TEXT}" stroke-opacity=".3"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{_short(value)}</text>'
    zone, days = ZoneInfo(timezone), (axes.last - axes.first) / MICROSECONDS_PER_DAY
    for step in range(4):
        at = axes.first + (axes.last - axes.first) * step // 3
        local = (EPOCH + timedelta(microseconds=at)).astimezone(zone)
        anchor = "start" if step == 0 else "end" if step == 3 else "middle"
        yield f'<text x="{axes.x(at)}" y="{_HEIGHT - 12}" text-anchor="{anchor}">{_date(local, days)}</text>'


def _date(local: datetime, days: float) -> str:
    if days < 4:
        return f"{local:%a} {local.day} {local:%b %H:%M}"
    return f"{local.day} {local:%b}" if days < 300 else f"{local.day} {local:%b %Y}"


def _round_values(low: float, high: float) -> list[float]:
    """Choose three to six round values between two bounds."""
    rough = (high - low) / 4
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _short(value: float) -> str:
    """Write a number for an axis, such as `2.5k`."""
    size, letter = next(((size, letter) for size, letter in _SIZES if size <= abs(value) < 1e15), (1.0, ""))
    return f"{value / size:.4g}{letter}"


def _band(axes: _Axes, outcome: Outcome) -> Iterable[str]:
    """Draw the band along all runs where all were compared, else only near the judged run, whose slot it is for."""
    if outcome.lower is None or outcome.upper is None or outcome.expected is None:
        return
    left = _LEFT if outcome.evidence.get("slotting") == "none" else _RIGHT - _SLOT_BAND
    top, bottom, middle = axes.y(outcome.upper), axes.y(outcome.lower), axes.y(outcome.expected)
    yield (
        f'<rect x="{left}" y="{top}" width="{_RIGHT - left}" height="{max(bottom - top, 2)}" '
        f'fill="{BAND}" fill-opacity=".2"/>'
        f'<path d="M{left} {middle}H{_RIGHT}" stroke="{BAND}" stroke-width="1.5" stroke-dasharray="5 4"/>'
    )


def _history(axes: _Axes, points: Sequence[_Point]) -> Iterable[str]:
    corners = [f"{axes.x(at)} {axes.y(value)}" for at, value, _ in _thinned(axes, points)]
    if corners:
        yield f'<path d="M{"L".join(corners)}" fill="none" stroke="{LINE}" stroke-width="1.5" stroke-linejoin="round"/>'
    for at, value, flagged in points[-_COLUMNS:] if len(corners) <= 60 else ():
        if not flagged:
            yield f'<circle cx="{axes.x(at)}" cy="{axes.y(value)}" r="2" fill="{LINE}"/>'
    rings = [point for point in points if point[2]][-_MOST_FLAGGED:]
    for at, value, _ in rings:
        ring = f'cx="{axes.x(at)}" cy="{axes.y(value)}" r="4" fill="none"'
        yield f'<circle {ring} stroke="{COLORS[Status.FAIL]}" stroke-width="1.5"/>'


def _thinned(axes: _Axes, points: Sequence[_Point]) -> list[_Point]:
    """Keep the lowest and highest point of each of a number of columns, in order of time."""
    if len(points) <= 2 * _COLUMNS:
        return list(points)
    columns: dict[int, list[_Point]] = {}
    for point in points:
        column = (point[0] - axes.first) * _COLUMNS // max(axes.last - axes.first, 1)
        columns.setdefault(column, []).append(point)
    kept: set[_Point] = set()
    for members in columns.values():
        kept |= {min(members, key=lambda point: point[1]), max(members, key=lambda point: point[1])}
    return sorted(kept)


def _judged(axes: _Axes, end: int, outcome: Outcome) -> Iterable[str]:
    color = COLORS.get(outcome.status, TEXT)
    caption = str(outcome.status)
    if outcome.value is not None:
        x, y = axes.x(end), axes.y(outcome.value)
        caption += f": {number(outcome.value)}"
        if outcome.status is Status.FAIL:
            yield f'<path d="M{x} {y - 8}l8 8-8 8-8-8z" fill="{color}"/>'
        else:
            yield f'<circle cx="{x}" cy="{y}" r="6" fill="{color}"/>'
    if outcome.expected is not None and outcome.lower is not None and outcome.upper is not None:
        caption += f", expected {number(outcome.expected)} ({number(outcome.lower)} to {number(outcome.upper)})"
    if "slot" in outcome.evidence:
        caption += f" · {outcome.evidence['slot']}"
    yield f'<text x="{_LEFT}" y="37" fill="{color}" font-weight="600">{escape(caption)}</text>'
