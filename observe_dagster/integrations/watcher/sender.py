"""Tells a Watcher server what the outbox holds, in the requests of its document."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from observe_dagster.errors import PublishError, SettingsError
from observe_dagster.integrations.dry_run import dry_run
from observe_dagster.integrations.http import TIMEOUT_SECONDS, Client
from observe_dagster.integrations.watcher.enqueue import EXECUTION, LINEAGE, PIPELINE, PUBLISHER, RULES, start_key
from observe_dagster.ledger import Dispatcher, Ledger, Publication

if TYPE_CHECKING:
    import httpx

SYSTEM = "Watcher"
_MOST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherSettings:
    """Where the server is; it has no login of its own, so `authorization` is for a proxy in front of it."""

    url: str
    authorization: str | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "WatcherSettings | None":
        """Read WATCHER_URL and WATCHER_AUTHORIZATION; None when there is no server."""
        env = os.environ if environment is None else environment
        url = (env.get("WATCHER_URL") or "").rstrip("/")
        if not url:
            return None
        if not url.startswith(("http://", "https://")):
            raise SettingsError("WATCHER_URL must be an address such as http://watcher.example:8000.")
        return cls(url=url, authorization=env.get("WATCHER_AUTHORIZATION") or None)


def open_client(
    access: WatcherSettings, *, folder: Path | None = None, transport: "httpx.BaseTransport | None" = None
) -> Client:
    """A client of the server; with `folder` it writes requests there instead of sending them."""
    if folder is not None:
        transport = dry_run(folder / PUBLISHER, lambda _: (201, {"id": 0, "active": True, "load_lineage": True}))
    headers = {} if access.authorization is None else {"Authorization": access.authorization}
    return Client(access.url, headers, system=SYSTEM, transport=transport)


class Watcher:
    """A vendor for `deliver`: every publication is a few requests of its own, for the API takes one thing at a time."""

    publisher = PUBLISHER
    kinds: Sequence[str] = (PIPELINE, RULES, EXECUTION, LINEAGE)

    def __init__(self, client: Client, ledger: Ledger) -> None:
        self._client, self._ledger = client, ledger

    def most(self, kind: str) -> int:
        """Some; each is sent alone."""
        del kind
        return _MOST

    def deliver(self, kind: str, items: Sequence[Publication], desk: Dispatcher) -> None:
        """Send each item on its own."""
        tell = {
            PIPELINE: self._pipeline,
            RULES: self._rules,
            EXECUTION: self._execution,
            LINEAGE: self._lineage,
        }[kind]

        def post(batch: Sequence[Publication], seconds: float) -> Mapping[str, Any]:
            (item,) = batch
            return tell(item.record, min(seconds, TIMEOUT_SECONDS))

        desk.send([[item] for item in items], post)

    def _pipeline(self, record: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        """Create the pipeline and set everything, for its POST neither clears nor mutes."""
        number = self._number(record["pipeline"], seconds)
        if record.get("type_settings") is not None:
            self._ask("POST", "/pipeline_type", _without_none(record["type_settings"]), seconds)
        self._ask("PATCH", "/pipeline", {"id": number, **record["settings"]}, seconds)
        return {"id": number}

    def _rules(self, record: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        """Find or create each rule and set everything, for its POST leaves one that exists as it is."""
        number = self._number(record["pipeline"], seconds)
        numbers: list[int] = []
        for rule in record["rules"]:
            found = _id(self._ask("POST", "/anomaly_detection_rule", {"pipeline_id": number, **rule}, seconds))
            self._ask("PATCH", "/anomaly_detection_rule", {"id": found, **rule}, seconds)
            numbers.append(found)
        return {"id": number, "rules": numbers}

    def _execution(self, record: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        return self._start(record, seconds) if record["verb"] == "start" else self._end(record, seconds)

    def _start(self, record: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        body = {
            "pipeline_id": self._number(record["pipeline"], seconds),
            "start_date": record["start_date"],
            "watermark": record["watermark"],
            "next_watermark": record["next_watermark"],
            "parent_id": self._known(record["parent_execution_id"]),
        }
        return {"id": _id(self._ask("POST", "/start_pipeline_execution", _without_none(body), seconds))}

    def _end(self, record: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        """End the execution. A success takes the pipeline's `next_watermark` over, so that is set before."""
        number = self._known(record["execution_id"])
        if number is None:
            raise PublishError(SYSTEM, "was not told that this execution started.", permanent=True)
        if record["next_watermark"] is not None:
            body = {**record["pipeline"], "next_watermark": record["next_watermark"]}
            self._ask("POST", "/pipeline", body, seconds)
        try:
            self._ask("POST", "/end_pipeline_execution", {"id": number, **record["end"]}, seconds)
        except PublishError as error:
            if error.status == 404 and _is_its_own(error.body):
                raise PublishError(SYSTEM, f"does not know execution {number} any more.", permanent=True) from None
            raise
        return {"id": number}

    def _lineage(self, record: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        """Write the addresses, then the edges; the server takes edges only once it is told to load them again."""
        number = self._number(record["pipeline"], seconds)
        ends = {name: record[name] for name in ("source_addresses", "target_addresses")}
        for address in [*ends["source_addresses"], *ends["target_addresses"]]:
            self._ask("POST", "/address", address, seconds)
        self._ask("PATCH", "/pipeline", {"id": number, "load_lineage": True}, seconds)
        named = {name: [_named(address) for address in addresses] for name, addresses in ends.items()}
        answer = self._ask("POST", "/address_lineage", {"pipeline_id": number, **named}, seconds)
        created = answer.get("lineage_relationships_created") if isinstance(answer, Mapping) else None
        return {"id": number, "lineage_relationships_created": created}

    def _number(self, identity: Mapping[str, Any], seconds: float) -> int:
        """The server's number for a pipeline, created when it is not there. Says nothing of its watermark."""
        return _id(self._ask("POST", "/pipeline", dict(identity), seconds))

    def _known(self, execution_id: int | None) -> int | None:
        """The server's number for an execution of ours; None when it was not told of it."""
        if execution_id is None:
            return None
        receipt = self._ledger.outbox.receipt(publisher=PUBLISHER, dedupe_key=start_key(execution_id))
        return None if receipt is None else receipt.get("id")

    def _ask(self, method: str, path: str, body: Mapping[str, Any], seconds: float) -> Any:
        return self._client.request(method, path, json=dict(body), timeout=max(seconds, 1.0)).json()


def _is_its_own(body: Any) -> bool:
    """Whether a 404 is about a thing and not about the address: for that the server says `Not Found` and no more."""
    return isinstance(body, Mapping) and body.get("detail") != "Not Found"


def _id(answer: Any) -> int:
    number = answer.get("id") if isinstance(answer, Mapping) else None
    if not isinstance(number, int):
        raise PublishError(SYSTEM, "answered without an id.")
    return number


def _named(address: Mapping[str, Any]) -> dict[str, Any]:
    return {name: address[name] for name in ("name", "address_type_name", "address_type_group_name")}


def _without_none(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}
