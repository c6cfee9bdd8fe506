"""Notes on the pages of assets under which receipt a neighbouring system took what it was told of them.

An event in Dagster's log for every receipt would be more events than the materializations they are about, so an asset
gets one a day and system, with the command that lists all of them.
"""

import shlex
from collections.abc import Mapping
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

import dagster as dg

from observe_dagster.orchestration.resource import ObserveResource

if TYPE_CHECKING:
    from observe_dagster.ledger import DeliveryReport, Publication

RECEIPT_EVERY = timedelta(days=1)
RECEIPT_SECONDS = 3.0
_SHOWN = ("invocation_id", "status", "message", "id")


def show_receipts(
    instance: dg.DagsterInstance,
    observe: ObserveResource,
    publisher: str,
    assets: Mapping[str, dg.AssetKey],
    tally: "DeliveryReport",
    *,
    seconds: float = RECEIPT_SECONDS,
) -> None:
    """Observe the assets whose receipts came in, but for those that a receipt was shown of within the last day.

    `assets` are those that may be shown, by the ordering keys of their publications.
    """
    until, now = monotonic() + seconds, observe.clock()
    arrived = {
        assets[item.ordering_key]: (item, receipt) for item, receipt in tally.arrived if item.ordering_key in assets
    }
    if not arrived:
        return
    keys = [key for key, asset in assets.items() if asset in arrived]
    shown = observe.ledger.outbox.receipts_shown_since(
        publisher=publisher, ordering_keys=keys, since=now - RECEIPT_EVERY
    )
    for key in shown:
        arrived.pop(assets[key], None)
    noted: list[int] = []
    for asset, (item, receipt) in arrived.items():
        if monotonic() > until:
            break
        instance.report_runless_asset_event(_observation(asset, publisher, item, receipt, now.timestamp()))
        noted.append(item.id)
    observe.ledger.outbox.mark_receipts_shown(noted, now=now)


def _observation(
    asset: dg.AssetKey, publisher: str, item: "Publication", receipt: Mapping[str, Any], at: float
) -> dg.AssetObservation:
    later = f"observe publications list --to {publisher} --of {shlex.quote(item.ordering_key)}"
    said = {name: str(receipt[name]) for name in _SHOWN if receipt.get(name) is not None}
    metadata: dict[str, Any] = {
        **{f"observe/{publisher}_{name}": text for name, text in said.items()},
        f"observe/{publisher}_sent_at": dg.MetadataValue.timestamp(at),
        f"observe/{publisher}_receipts": dg.MetadataValue.md(f"`{later}`"),
    }
    system, kind = publisher.replace("_", " "), item.kind.replace("_", " ")
    return dg.AssetObservation(asset, description=f"Told {system}: {kind}.", metadata=metadata)
