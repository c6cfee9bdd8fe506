"""The text of a message: a title, and for each alert what happened, to what, since when, and links."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from string import Template
from typing import Any
from urllib.parse import quote

from observe_dagster.alerts.events import AUTOMATION, FAULT, RUN
from observe_dagster.alerts.transitions import Event, Transition
from observe_dagster.config.models.alerts import MessageTemplate
from observe_dagster.config.models.check_kinds import check_kind
from observe_dagster.records import Status

MOST_ALERTS = 25
"""A message names so many alerts and counts the rest: chat services cut long texts."""

_MOST_NAMES = 5
_VERBS = {Status.WARN: "warns", Status.FAIL: "fails", Status.ERROR: "could not be judged"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent to one channel: the same words in Markdown and as plain text. `level` is ok, warn or error."""

    title: str
    markdown: str
    text: str
    level: str

    def record(self) -> dict[str, Any]:
        """The message as the outbox keeps it."""
        return {"title": self.title, "markdown": self.markdown, "text": self.text, "level": self.level}


def compose(changes: Sequence[Transition], template: MessageTemplate, *, base_url: str | None) -> Message:
    """Put changes in one message: failures first, the most severe first, then recoveries."""
    entries = _by_run(sorted(changes, key=_urgency))
    named, rest = entries[:MOST_ALERTS], len(entries) - MOST_ALERTS
    markdown = [_filled(template.alert, alert_fields(change, base_url=base_url, markdown=True)) for change in named]
    text = [_filled(template.alert, alert_fields(change, base_url=base_url, markdown=False)) for change in named]
    if rest > 0:
        more = f"… and {rest} more; `observe alerts list` has them all."
        markdown.append(more)
        text.append(more)
    return Message(
        title=_filled(template.title, title_fields(entries)),
        markdown="\n\n".join(each.replace("\n", "  \n") for each in markdown),
        text="\n\n".join(text),
        level=_level(entries),
    )


def title_fields(changes: Sequence[Transition]) -> dict[str, str]:
    """The fields of a title; a number that is zero is empty."""
    resolved = sum(change.event is Event.RESOLVED for change in changes)
    repeated = sum(change.event is Event.REMINDER for change in changes)
    opened = len(changes) - resolved - repeated
    if len(changes) == 1:
        summary = headline(changes[0])
    else:
        counts = ((opened, "new"), (repeated, "ongoing"), (resolved, "resolved"))
        parts = [f"{count} {word}" for count, word in counts if count]
        summary = f"{', '.join(parts)} alerts"
    numbers = {"opened": opened, "repeated": repeated, "resolved": resolved}
    return {"summary": summary, **{name: str(number) if number else "" for name, number in numbers.items()}}


def alert_fields(change: Transition, *, base_url: str | None, markdown: bool) -> dict[str, str]:
    """The fields of one alert in a message; what is not known is empty."""
    alert, details = change.alert, change.alert.details
    kind = str(details.get("kind", ""))
    run_url, check_url = _urls(details, base_url)
    owners, since = ", ".join(details.get("owners", ())), f"{alert.opened_at.astimezone(UTC):%Y-%m-%d %H:%M UTC}"
    value, expected, bounds = _numbers(details, kind)
    over = change.event is Event.RESOLVED
    reason = str(details.get("recovery", "")) if over else alert.description
    head = headline(change)
    return {
        "headline": f"**{_plain(head)}**" if markdown else head,
        "event": str(change.event or ""),
        "severity": alert.severity,
        "status": str(details.get("status", "")),
        "subject": alert.subject,
        "asset": "/".join(details.get("asset", ())),
        "check": alert.check_name,
        "kind": kind,
        "pipeline": alert.pipeline_id or "",
        "reason": _plain(reason) if markdown else reason,
        "value": value,
        "expected": expected,
        "bounds": bounds,
        "owners": owners,
        "group": str(details.get("group", "")),
        "since": since,
        "facts": _facts(value if not over else "", bounds or expected, owners, since),
        "links": _links(run_url, check_url, kind, markdown=markdown),
        "run_url": run_url,
        "check_url": check_url,
    }


def headline(change: Transition) -> str:
    """One line: what, and what happened to it."""
    alert, kind = change.alert, change.alert.details.get("kind")
    subject = alert.subject
    if change.event is Event.RESOLVED:
        end = alert.resolved_at or alert.last_seen_at
        what = subject if kind in (RUN, FAULT, AUTOMATION) else f"{subject}: {alert.check_name}"
        return f"{what} recovered after {span(end - alert.opened_at)}"
    still = "still " if change.event is Event.REMINDER else ""
    if kind == RUN:
        return f"{subject}: run failed{' again' if change.event is Event.FAILED_AGAIN else ''}"
    if kind == FAULT:
        return f"{subject} is {still}faulted"
    if kind == AUTOMATION:
        return f"{subject} {still}fails"
    verb = _VERBS.get(Status(alert.details.get("status", Status.FAIL)), "fails")
    worse = " now" if change.event is Event.ESCALATED else ""
    return f"{subject}: {alert.check_name}{worse} {still}{verb}"


def span(length: timedelta) -> str:
    """A length of time in its two largest units."""
    seconds = max(0, round(length.total_seconds()))
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def _numbers(details: Mapping[str, Any], kind: str) -> tuple[str, str, str]:
    def shown(name: str) -> str:
        number = details.get(name)
        if number is None:
            return ""
        return span(timedelta(seconds=number)) if check_kind(kind).in_seconds else f"{number:,.6g}"

    lower, upper = shown("lower"), shown("upper")
    bounds = f"{lower} to {upper}" if lower and upper else f"at least {lower}" if lower else ""
    return shown("value"), shown("expected"), bounds or (f"at most {upper}" if upper else "")


def _facts(value: str, expected: str, owners: str, since: str) -> str:
    parts = [f"{value}, expected {expected}" if expected else value] if value else []
    return " · ".join([*parts, *([owners] if owners else []), f"since {since}"])


def _urls(details: Mapping[str, Any], base_url: str | None) -> tuple[str, str]:
    if base_url is None:
        return "", ""
    run_id, page = details.get("run_id"), details.get("page")
    run_url = f"{base_url}/runs/{quote(run_id, safe='')}" if run_id else ""
    return run_url, f"{base_url}{page}" if page else ""


def _links(run_url: str, check_url: str, kind: str, *, markdown: bool) -> str:
    page = {RUN: "Asset", AUTOMATION: "Ticks", FAULT: "Asset"}.get(kind, "Check")
    named = [(name, url) for name, url in (("Run", run_url), (page, check_url)) if url]
    if markdown:
        return " · ".join(f"[{name}]({url})" for name, url in named)
    return "\n".join(f"{name}: {url}" for name, url in named)


def _filled(template: str, fields: Mapping[str, str]) -> str:
    lines = [line for line in template.split("\n") if _has_content(line, fields)]
    return "\n".join(Template(line).substitute(fields) for line in lines)


def _has_content(line: str, fields: Mapping[str, str]) -> bool:
    names = Template(line).get_identifiers()
    return not names or any(fields[name] for name in names)


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>" else letter for letter in text)


def _by_run(changes: Iterable[Transition]) -> list[Transition]:
    """One entry for a run that failed with several assets."""
    grouped: dict[object, list[Transition]] = {}
    for number, change in enumerate(changes):
        details = change.alert.details
        alike = details.get("kind") == RUN and "run_id" in details and change.event is not Event.RESOLVED
        grouped.setdefault((details["run_id"],) if alike else number, []).append(change)
    return [_joined(group) for group in grouped.values()]


def _joined(group: Sequence[Transition]) -> Transition:
    first = group[0]
    if len(group) == 1:
        return first
    subjects = [change.alert.subject for change in group]
    more = f" and {len(subjects) - _MOST_NAMES} more" if len(subjects) > _MOST_NAMES else ""
    details = {name: value for name, value in first.alert.details.items() if name not in ("asset", "page")}
    details["owners"] = list(dict.fromkeys(o for change in group for o in change.alert.details.get("owners", ())))
    subject = ", ".join(subjects[:_MOST_NAMES]) + more
    return replace(first, alert=replace(first.alert, subject=subject, details=details))


def _urgency(change: Transition) -> tuple[bool, bool, bool]:
    return change.event is Event.RESOLVED, change.event is Event.REMINDER, change.alert.severity != "error"


def _level(changes: Sequence[Transition]) -> str:
    wrong = [change.alert.severity for change in changes if change.event is not Event.RESOLVED]
    return "ok" if not wrong else "error" if "error" in wrong else "warn"
