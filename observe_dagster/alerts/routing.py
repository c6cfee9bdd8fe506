"""Which channels are notified of an alert: the first route whose conditions are all met, else the default."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from observe_dagster.config.models.alerts import Alerting, Route
from observe_dagster.ledger import Alert


def channels_for(alert: Alert, alerting: Alerting) -> tuple[str, ...]:
    """The channels to notify when something fails; empty when a route without channels mutes it."""
    for route in alerting.routes:
        if _matches(route, alert):
            return route.channels
    if alerting.default is not None:
        return alerting.default
    return tuple(channel.id for channel in alerting.channels)


def notified_channels(alert: Alert, alerting: Alerting) -> tuple[str, ...]:
    """The channels that were notified of the alert and still exist."""
    notified = alert.details.get("channels", ())
    return tuple(channel.id for channel in alerting.channels if channel.id in notified)


def _matches(route: Route, alert: Alert) -> bool:
    details = alert.details
    tags = details.get("tags", {})
    return (
        _any(route.owner, details.get("owners", ()))
        and all(tags.get(name) == value for name, value in route.tags.items())
        and _any(route.group, [details.get("group")])
        and _any(route.severity, [alert.severity])
        and _any(route.kind, [details.get("kind")])
        and (not route.asset or any(fnmatchcase("/".join(details.get("asset", ())), each) for each in route.asset))
    )


def _any(conditions: Iterable[str], values: Iterable[str | None]) -> bool:
    allowed = set(conditions)
    return not allowed or not allowed.isdisjoint(values)
