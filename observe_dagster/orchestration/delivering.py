"""What the sensors that tell a neighbouring system have in common: sending what is due, and saying what was done."""

from typing import TYPE_CHECKING

from observe_dagster.orchestration.resources import ObserveResource

if TYPE_CHECKING:
    from observe_dagster.ledger.outbox.dispatcher import Tally, Vendor


def deliver_due(observe: ObserveResource, vendor: "Vendor", *, seconds: float) -> "Tally":
    """Send what is due to a vendor, beginning no further request once the seconds are nearly over."""
    from observe_dagster.ledger.outbox.dispatcher import deliver
    from observe_dagster.ledger.outbox.outbox import Outbox

    return deliver(Outbox(observe.ledger), vendor, clock=observe.clock, seconds=seconds)


def told(observe: ObserveResource, publisher: str, made: int, tally: "Tally", *, requests: bool = False) -> str:
    """What was put in and sent, what waits and what was given up, in a sentence, with the notices after it."""
    from observe_dagster.ledger.outbox.outbox import Outbox

    counts = Outbox(observe.ledger).counts(publisher)
    kinds = ", ".join(f"{number} {kind.replace('_', ' ')}" for kind, number in sorted(tally.sent.items())) or "nothing"
    sent = f"{kinds} in {tally.requests} requests" if requests else kinds
    said = f"{made} new, sent {sent}; {counts.get('pending', 0)} wait"
    if counts.get("dead"):
        said += f", {counts['dead']} given up (`observe publications list` says why)"
    return " ".join([f"{said}.", *tally.notices])
