"""Sends publications to a Watcher server, in the requests of its document."""

from collections.abc import Mapping
from typing import Any

from observe_dagster.errors import PublishError
from observe_dagster.integrations.http import TIMEOUT_SECONDS, Client, without_none
from observe_dagster.integrations.watcher.enqueue import EXECUTION, LINEAGE, PIPELINE, PUBLISHER, RULES, start_key
from observe_dagster.ledger import Ledger, Publication

SYSTEM = "Watcher"


class Watcher:
    """Sends one publication as a few requests, for the API takes one thing at a time."""

    def __init__(self, client: Client, ledger: Ledger) -> None:
        self._client, self._ledger = client, ledger

    def post(self, item: Publication, seconds: float) -> Mapping[str, Any]:
        """Send a publication and return its receipt; each request has `seconds`. Raises PublishError."""
        send = {
            PIPELINE: self._pipeline,
            RULES: self._rules,
            EXECUTION: self._execution,
            LINEAGE: self._lineage,
        }[item.kind]
        return send(item.record, min(seconds, TIMEOUT_SECONDS))

    def _pipeline(self, record: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        """Create the pipeline and set everything, for its POST neither clears nor mutes."""
        number = self._number(record["pipeline"], seconds)
        if record.get("type_settings") is not None:
            self._request("POST", "/pipeline_type", without_none(record["type_settings"]), seconds)
        self._request("PATCH", "/pipeline", {"id": number, **record["settings"]}, seconds)
        return {"id": number}

    def _rules(self, record: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        """Find or create each rule and set everything, for its POST leaves one that exists as it is."""
        number = self._number(record["pipeline"], seconds)
        numbers: list[int] = []
        for rule in record["rules"]:
            rule_number = _id(
                self._request("POST", "/anomaly_detection_rule", {"pipeline_id": number, **rule}, seconds)
            )
            self._request("PATCH", "/anomaly_detection_rule", {"id": rule_number, **rule}, seconds)
            numbers.append(rule_number)
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
        return {"id": _id(self._request("POST", "/start_pipeline_execution", without_none(body), seconds))}

    def _end(self, record: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        """End the execution. A success takes the pipeline's `next_watermark` over, so that is set before."""
        number = self._known(record["execution_id"])
        if number is None:
            raise PublishError(SYSTEM, "was not told that this execution started.", permanent=True)
        if record["next_watermark"] is not None:
            body = {**record["pipeline"], "next_watermark": record["next_watermark"]}
            self._request("POST", "/pipeline", body, seconds)
        try:
            self._request("POST", "/end_pipeline_execution", {"id": number, **record["end"]}, seconds)
        except PublishError as error:
            if error.status == 404 and _is_its_own(error.body):
                raise PublishError(SYSTEM, f"does not know execution {number} any more.", permanent=True) from None
            raise
        return {"id": number}

    def _lineage(self, record: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        """Write the addresses, then the edges; the server takes edges only once it loads lineage again."""
        number = self._number(record["pipeline"], seconds)
        ends = {name: record[name] for name in ("source_addresses", "target_addresses")}
        for address in [*ends["source_addresses"], *ends["target_addresses"]]:
            self._request("POST", "/address", address, seconds)
        self._request("PATCH", "/pipeline", {"id": number, "load_lineage": True}, seconds)
        named = {name: [_named(address) for address in addresses] for name, addresses in ends.items()}
        answer = self._request("POST", "/address_lineage", {"pipeline_id": number, **named}, seconds)
        created = answer.get("lineage_relationships_created") if isinstance(answer, Mapping) else None
        return {"id": number, "lineage_relationships_created": created}

    def _number(self, identity: Mapping[str, Any], seconds: float) -> int:
        """The server's number for a pipeline, created when it does not exist. Does not touch its watermark."""
        return _id(self._request("POST", "/pipeline", dict(identity), seconds))

    def _known(self, execution_id: int | None) -> int | None:
        """The server's number for an execution of ours; None when its start was not sent."""
        if execution_id is None:
            return None
        receipt = self._ledger.outbox.receipt(publisher=PUBLISHER, dedupe_key=start_key(execution_id))
        return None if receipt is None else receipt.get("id")

    def _request(self, method: str, path: str, body: Mapping[str, Any], seconds: float) -> Any:
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
