"""A Watcher server as its document describes it, with the semantics that matter to a client.

Stand-alone: `python -m tests.fakes.watcher PORT`.
"""

import sys
from datetime import UTC, datetime
from typing import Any

from tests.fakes.json_api import Answer, JsonApi, Refused, serve_until_killed

_DATEPARTS = ("minute", "hour", "day", "week", "month", "year")
_EXPECTED = {
    "freshness_number": int,
    "freshness_datepart": str,
    "mute_freshness_check": bool,
    "timeliness_number": int,
    "timeliness_datepart": str,
    "mute_timeliness_check": bool,
}
_ADDRESS = {
    **dict.fromkeys(("name", "address_type_name", "address_type_group_name"), str),
    **dict.fromkeys(("database_name", "schema_name", "table_name", "primary_key"), str),
    "address_metadata": dict,
}
_RULE = {"z_threshold": (int, float), "lookback_days": int, "minimum_executions": int, "active": bool}
_RULE_DEFAULTS = {"z_threshold": 3.0, "lookback_days": 30, "minimum_executions": 30, "active": True}
_RULE_LIMITS = {"z_threshold": (1, 10), "lookback_days": (1, 365), "minimum_executions": (5, 1000)}
_METRICS = ("duration_seconds", "inserts", "updates", "soft_deletes", "total_rows", "throughput")


class FakeWatcher(JsonApi):
    """Keeps everything in memory, by number."""

    routes = (
        ("POST", "/pipeline", "_pipeline"),
        ("GET", "/pipeline", "_pipelines"),
        ("PATCH", "/pipeline", "_patch_pipeline"),
        ("POST", "/pipeline_type", "_pipeline_type"),
        ("POST", "/start_pipeline_execution", "_start"),
        ("POST", "/end_pipeline_execution", "_end"),
        ("GET", r"/pipeline_execution/(\d+)", "_execution"),
        ("POST", "/address", "_address"),
        ("POST", "/address_lineage", "_address_lineage"),
        ("POST", "/anomaly_detection_rule", "_rule"),
        ("PATCH", "/anomaly_detection_rule", "_patch_rule"),
    )

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.pipelines: dict[int, dict[str, Any]] = {}
        self.types: dict[str, dict[str, Any]] = {}
        self.executions: dict[int, dict[str, Any]] = {}
        self.addresses: dict[str, dict[str, Any]] = {}
        self.edges: set[tuple[str, str]] = set()
        self.rules: dict[int, dict[str, Any]] = {}

    def named(self, name: str) -> dict[str, Any]:
        """The pipeline of that name, as the server spells it."""
        return next(each for each in self.pipelines.values() if each["name"] == name.lower())

    def _pipeline(self, *, query: Any, body: Any) -> Answer:
        own = {name: kind for name, kind in _EXPECTED.items() if not name.startswith("mute")}
        _fields(
            body,
            {"name": str, "pipeline_type_name": str},
            {**own, "next_watermark": (str, int), "pipeline_metadata": dict},
        )
        _pairs(body)
        name = _name(body["name"])
        self.types.setdefault(_name(body["pipeline_type_name"]), {})
        found = next((each for each in self.pipelines.values() if each["name"] == name), None)
        status = 200 if found is not None else 201
        if found is None:
            found = {"id": len(self.pipelines) + 1, "name": name, "active": True, "load_lineage": True}
            self.pipelines[found["id"]] = found | {"watermark": None, "next_watermark": None}
            found = self.pipelines[found["id"]]
        stored = found["watermark"] if "next_watermark" in body and status == 200 else None
        found.update({key: value for key, value in body.items() if key not in ("name", "pipeline_type_name")})
        return status, {**{key: found[key] for key in ("id", "active", "load_lineage")}, "watermark": stored}

    def _pipelines(self, *, query: Any, body: Any) -> Answer:
        return 200, list(self.pipelines.values())

    def _patch_pipeline(self, *, query: Any, body: Any) -> Answer:
        more = {
            "load_lineage": bool,
            "active": bool,
            "pipeline_metadata": dict,
            "watermark": str,
            "next_watermark": str,
        }
        _fields(body, {"id": int}, {**_EXPECTED, **more})
        found = self._found(body["id"])
        found.update(body)
        return 200, found

    def _pipeline_type(self, *, query: Any, body: Any) -> Answer:
        _fields(body, {"name": str}, _EXPECTED)
        _pairs(body)
        status = 200 if _name(body["name"]) in self.types else 201
        self.types.setdefault(_name(body["name"]), body)
        return status, {"id": 1}

    def _start(self, *, query: Any, body: Any) -> Answer:
        optional = {"start_date": str, "watermark": (str, int), "next_watermark": (str, int), "parent_id": int}
        _fields(body, {"pipeline_id": int}, optional)
        self._found(body["pipeline_id"])
        number = len(self.executions) + 1
        started = body.get("start_date") or datetime.now(UTC).isoformat()
        self.executions[number] = {"parent_id": None, **body, "id": number, "start_date": started, "end_date": None}
        return 201, {"id": number}

    def _end(self, *, query: Any, body: Any) -> Answer:
        counts = dict.fromkeys(("total_rows", "inserts", "updates", "soft_deletes"), int)
        required = {"id": int, "end_date": str, "completed_successfully": bool}
        _fields(body, required, {**counts, "execution_metadata": dict})
        if any(not 0 <= body.get(name, 0) < 2**31 for name in counts):
            raise Refused(500, {"detail": "integer out of range"})
        found = self.executions.get(body["id"])
        if found is None:
            raise Refused(404, {"detail": "Pipeline execution not found"})
        if datetime.fromisoformat(body["end_date"]) <= datetime.fromisoformat(found["start_date"]):
            raise Refused(400, {"detail": "end_date must be greater than start_date"})
        found.update(body)
        pipeline = self._found(found["pipeline_id"])
        if body["completed_successfully"]:
            pipeline["watermark"] = pipeline["next_watermark"]
            pipeline["load_lineage"] = False
        return 204, None

    def _execution(self, number: str, *, query: Any, body: Any) -> Answer:
        found = self.executions.get(int(number))
        if found is None:
            raise Refused(404, {"detail": "Pipeline execution not found"})
        children = [each for each in self.executions.values() if each["parent_id"] == int(number)]
        return 200, {**found, "child_executions": children}

    def _address(self, *, query: Any, body: Any) -> Answer:
        self._keep(body)
        return 201, {"id": len(self.addresses)}

    def _keep(self, body: Any) -> str:
        required = dict.fromkeys(("name", "address_type_name", "address_type_group_name"), str)
        _fields(body, required, {name: kind for name, kind in _ADDRESS.items() if name not in required})
        if any(
            len(body.get(name) or "") > 50 for name in ("database_name", "schema_name", "table_name", "primary_key")
        ):
            raise Refused(500, {"detail": "value too long for type character varying(50)"})
        name = _name(body["name"])
        self.addresses[name] = {**self.addresses.get(name, {}), **body}
        return name

    def _address_lineage(self, *, query: Any, body: Any) -> Answer:
        _fields(body, {"pipeline_id": int, "source_addresses": list, "target_addresses": list}, {})
        if not body["source_addresses"] or not body["target_addresses"]:
            raise Refused(500, {"detail": "Internal Server Error"})
        if not self._found(body["pipeline_id"])["load_lineage"]:
            return 200, {"pipeline_id": body["pipeline_id"], "lineage_relationships_created": 0, "message": ""}
        ends = [[self._keep(each) for each in body[name]] for name in ("source_addresses", "target_addresses")]
        edges = {(source, target) for source in ends[0] for target in ends[1]}
        self.edges |= edges
        answer = {"pipeline_id": body["pipeline_id"], "lineage_relationships_created": len(edges)}
        return 201, {**answer, "message": f"Lineage relationships created for pipeline {body['pipeline_id']}"}

    def _rule(self, *, query: Any, body: Any) -> Answer:
        _fields(body, {"pipeline_id": int, "metric_field": str}, _RULE)
        _limits(body)
        self._found(body["pipeline_id"])
        owner = (body["pipeline_id"], body["metric_field"])
        for number, rule in self.rules.items():
            if (rule["pipeline_id"], rule["metric_field"]) == owner:
                return 200, {"id": number}
        number = len(self.rules) + 1
        self.rules[number] = {**_RULE_DEFAULTS, **body, "id": number}
        return 201, {"id": number}

    def _patch_rule(self, *, query: Any, body: Any) -> Answer:
        _fields(body, {"id": int}, {"pipeline_id": int, "metric_field": str, **_RULE})
        _limits(body)
        if body["id"] not in self.rules:
            raise Refused(404, {"detail": "Anomaly detection rule not found"})
        self.rules[body["id"]].update(body)
        return 200, {**self.rules[body["id"]], "z_threshold": f"{self.rules[body['id']]['z_threshold']:.2f}"}

    def _found(self, number: int) -> dict[str, Any]:
        if number not in self.pipelines:
            raise Refused(404, {"detail": "Pipeline not found"})
        return self.pipelines[number]


def _name(text: str) -> str:
    return text.lower().strip()


def _fields(body: Any, required: dict[str, Any], optional: dict[str, Any]) -> None:
    if not isinstance(body, dict):
        raise _invalid("body", "a JSON object is needed")
    for name in required:
        if body.get(name) is None:
            raise _invalid(name, "Field required")
    for name, value in body.items():
        kind = {**required, **optional}.get(name)
        if kind is None:
            raise _invalid(name, "is not in the document")
        if value is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
            raise _invalid(name, f"is {value!r}")
        if name.endswith("name") and isinstance(value, str) and not 1 <= len(value) <= 150:
            raise _invalid(name, "String should have 1 to 150 characters")
        if name.endswith("watermark") and len(str(value or "")) > 50:
            raise Refused(500, {"detail": "value too long for type character varying(50)"})
        if name.endswith("datepart") and value is not None and value not in _DATEPARTS:
            raise _invalid(name, "is not a date part")


def _limits(body: dict[str, Any]) -> None:
    if body.get("metric_field", _METRICS[0]) not in _METRICS:
        raise _invalid("metric_field", "is not one of the metrics")
    for name, (least, most) in _RULE_LIMITS.items():
        if name in body and not least <= body[name] <= most:
            raise _invalid(name, f"should be {least} to {most}")


def _pairs(body: dict[str, Any]) -> None:
    for kind in ("freshness", "timeliness"):
        if (body.get(f"{kind}_number") is None) != (body.get(f"{kind}_datepart") is None):
            raise _invalid(f"{kind}_number", "goes with its datepart")


def _invalid(name: str, message: str) -> Refused:
    return Refused(422, {"detail": [{"loc": ["body", name], "msg": message, "type": "value_error"}]})


if __name__ == "__main__":
    serve_until_killed(FakeWatcher(int(sys.argv[1])))
