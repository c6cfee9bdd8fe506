"""Shows on the pages of assets the receipts of what was published about them.

An event in Dagster's log for every receipt would be more events than the materializations they are about, so an asset
gets one a day and publisher, with the command that lists all of them.
"""

import shlex
from collections.abc import Mapping
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

import dagster as dg

from observe_dagster.orchestration.resource import ObserveResource

if TYPE_CHECKING:
    from observe_dagster.integrations.publisher import AssetPath
    from observe_dagster.ledger import DeliveryReport, Publication

RECEIPT_EVERY = timedelta(days=1)
RECEIPT_SECONDS = 3.0
_SHOWN = ("invocation_id", "status", "message", "id")


def show_receipts(
    instance: dg.DagsterInstance,
    observe: ObserveResource,
    publisher: str,
    assets: "Mapping[str, AssetPath]",
    report: "DeliveryReport",
    *,
    seconds: float = RECEIPT_SECONDS,
) -> None:
    """Report an observation of each asset with a new receipt, unless one was shown within the last day.

    `assets` are those that have a page, by the ordering keys of their publications.
    """
    until, now = monotonic() + seconds, observe.clock()
    arrived = {
        assets[item.ordering_key]: (item, receipt) for item, receipt in report.receipts if item.ordering_key in assets
    }
    if not arrived:
        return
    keys = [key for key, asset in assets.items() if asset in arrived]
    shown = observe.ledger.outbox.receipts_shown_since(
        publisher=publisher, ordering_keys=keys, since=now - RECEIPT_EVERY
    )
    for key in shown:
        arrived.pop(assets[key], None)
    observed: list[int] = []
    for asset, (item, receipt) in arrived.items():
        if monotonic() > until:
            break
        instance.report_runless_asset_event(
            _observation(dg.AssetKey(list(asset)), publisher, item, receipt, now.timestamp())
        )
        observed.append(item.id)
    observe.ledger.outbox.mark_receipts_shown(observed, now=now)


def _observation(
    asset: dg.AssetKey, publisher: str, item: "Publication", receipt: Mapping[str, Any], at: float
) -> dg.AssetObservation:
    command = f"observe publications list --publisher {publisher} --key {shlex.quote(item.ordering_key)}"
    fields = {name: str(receipt[name]) for name in _SHOWN if receipt.get(name) is not None}
    metadata: dict[str, Any] = {
        **{f"observe/{publisher}_{name}": text for name, text in fields.items()},
        f"observe/{publisher}_sent_at": dg.MetadataValue.timestamp(at),
        f"observe/{publisher}_receipts": dg.MetadataValue.md(f"`{command}`"),
    }
    system, kind = publisher.replace("_", " "), item.kind.replace("_", " ")
    return dg.AssetObservation(asset, description=f"Published to {system}: {kind}.", metadata=metadata)
