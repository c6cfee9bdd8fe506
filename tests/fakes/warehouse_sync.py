"""mParticle's Warehouse Sync API as its document describes it: resources, triggers, runs, reports.

A run moves on one status each time it is looked at: queued, running, then how `endings` says it ends (success).
Stand-alone: `python -m tests.fakes.warehouse_sync PORT`.
"""

import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.json_api import Answer, JsonApi, Refused, serve_until_killed

_BASE = r"/platform/v2/workspaces/([^/]+)"
_SLUG = re.compile(r"[A-Za-z0-9_-]+")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_DELAY = re.compile(r"\d+[smhdwy]")
_MASK = "************"
_CONFIGS = {
    "Snowflake": {
        *("account_identifier", "region", "warehouse", "database", "user", "role", "password", "storage_integration"),
    },
    "BigQuery": {"region", "project_id", "dataset_id", "service_account_id", "service_account_key"},
    "Redshift": {"database", "user", "password", "aws_iam_role_arn", "host"},
    "Databricks": {"provider", "schema"},
}
_OPTIONAL_CONFIG = {"aws_iam_user_arn", "aws_external_id", "port"}
_PIPELINE_OPTIONAL = {
    *("field_transformation_id", "partner_feed_id", "partner_feed_key", "data_plan_id", "data_plan_version"),
}


class FakeWarehouseSync(JsonApi):
    """One workspace. `accounts_that_fail` are connections whose warehouse cannot be reached."""

    token = "mp-token-7f3c-is-not-printed"
    workspace = "4711"
    routes = (
        ("GET", _BASE + r"/(connections|data-models|inputs/data-pipelines)", "_list"),
        ("POST", _BASE + r"/inputs/data-pipelines/trigger", "_trigger"),
        ("POST", _BASE + r"/(connections|data-models|inputs/data-pipelines)", "_create"),
        ("PUT", _BASE + r"/(connections|data-models|inputs/data-pipelines)/([^/]+)", "_replace"),
        ("GET", _BASE + r"/inputs/data-pipelines/([^/]+)/report", "_report"),
        ("GET", _BASE + r"/inputs/data-pipelines/([^/]+)/runs", "_page"),
        ("GET", _BASE + r"/inputs/data-pipelines/([^/]+)/runs/(\d+)", "_run"),
        ("GET", _BASE + r"/(connections|data-models|inputs/data-pipelines)/([^/]+)", "_get"),
    )

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.resources: dict[str, dict[str, dict[str, Any]]] = {
            "connections": {},
            "data-models": {},
            "inputs/data-pipelines": {},
        }
        self.bodies: list[dict[str, Any]] = []
        self.runs: dict[int, dict[str, Any]] = {}
        self.endings: list[dict[str, Any]] = []
        self.accounts_that_fail: set[str] = set()
        self.now = datetime(2023, 2, 4, 8, 30, 17, tzinfo=UTC)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "MPARTICLE_URL": f"{self.url}/platform/v2",
            "MPARTICLE_WORKSPACE_ID": self.workspace,
            "MPARTICLE_TOKEN": self.token,
        }

    def authorized(self, headers: Any) -> bool:
        return headers.get("authorization") == f"Bearer {self.token}"

    # Resources

    def _list(self, workspace: str, kind: str, *, query: Any, body: Any) -> Answer:
        self._in_workspace(workspace)
        return 200, [self._masked(each) for each in self.resources[kind].values()]

    def _get(self, workspace: str, kind: str, name: str, *, query: Any, body: Any) -> Answer:
        self._in_workspace(workspace)
        return 200, self._masked(self._find(kind, name))

    def _create(self, workspace: str, kind: str, *, query: Any, body: Any) -> Answer:
        self._in_workspace(workspace)
        self._validate(kind, body)
        if body["id"] in self.resources[kind]:
            raise _bad(f"{body['id']} already exists.")
        return 200, self._store(kind, body)

    def _replace(self, workspace: str, kind: str, name: str, *, query: Any, body: Any) -> Answer:
        self._in_workspace(workspace)
        self._find(kind, name)
        self._validate(kind, body)
        if body["id"] != name:
            raise _bad("The id in the body is not the id in the path.")
        return 200, self._store(kind, body)

    def _store(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        self.bodies.append(body)
        status = {"connections": "healthy", "data-models": "valid"}.get(kind, "idle")
        stored = {**body, "status": status, "errors": [], "created_on": "2023-02-03T23:53:08.413", "created_by": "dev"}
        self.resources[kind][body["id"]] = stored
        return self._masked(stored)

    def _validate(self, kind: str, body: Any) -> None:
        if not isinstance(body, dict) or not _SLUG.fullmatch(str(body.get("id"))) or not body.get("name"):
            raise _bad("id and name are required; an id is a slug.")
        check = {"connections": self._connection, "data-models": self._data_model}.get(kind, self._pipeline)
        check(body)

    def _connection(self, body: dict[str, Any]) -> None:
        _one_of(body, "state", "new", "active", "inactive")
        _one_of(body, "service_provider", *_CONFIGS)
        _keys(body, {"id", "name", "state", "service_provider", "config"}, set())
        _keys(body["config"], _CONFIGS[body["service_provider"]], _OPTIONAL_CONFIG)
        if body["id"] in self.accounts_that_fail:
            raise Refused(505, _errors(505, "The request failed to connect to the warehouse account."))

    def _data_model(self, body: dict[str, Any]) -> None:
        _keys(body, {"id", "name", "state", "type", "config"}, set())
        _one_of(body, "state", "new", "active", "inactive")
        _one_of(body, "type", "sql")
        sql = body["config"].get("sql_query")
        if not isinstance(sql, str) or ";" in sql:
            raise _bad("The SQL query contains invalid characters or is otherwise invalid.")

    def _pipeline(self, body: dict[str, Any]) -> None:
        required = {"id", "name", "pipeline_type", "connection_id", "data_model_id", "state"}
        _keys(body, {*required, "sync_mode", "schedule", "environment"}, _PIPELINE_OPTIONAL)
        _one_of(body, "pipeline_type", "user_attributes", "events")
        _one_of(body, "state", "new", "active", "paused")
        _one_of(body, "environment", "development", "production")
        if (body["pipeline_type"] == "events") != ("field_transformation_id" in body):
            raise _bad("field_transformation_id is required for event pipelines and only for them.")
        mode, schedule = body["sync_mode"], body["schedule"]
        _one_of(mode, "type", "incremental", "full")
        if mode["type"] == "incremental" and not (mode.get("iterator_field") and mode.get("iterator_data_type")):
            raise _bad("incremental needs iterator_field and iterator_data_type.")
        for name in ("from", "until"):
            if name in mode and not _INSTANT.fullmatch(mode[name]):
                raise _bad(f"{name} is not a timestamp.")
        _one_of(schedule, "type", "interval", "once", "on-demand", "on_demand")
        if not _DELAY.fullmatch(schedule.get("delay", "0s")):
            raise _bad("delay is not a duration.")
        for kind, name in (("connections", body["connection_id"]), ("data-models", body["data_model_id"])):
            if name not in self.resources[kind]:
                raise Refused(404, _errors(404, f"{name} was not found."))

    # Runs

    def started_there(self, name: str, **run: Any) -> int:
        """Somebody starts a run in mParticle's own pages, which ends at once; returns its number."""
        _, answer = self._trigger(self.workspace, query={}, body={"pipeline_id": name})
        number = answer["pipeline_run_id"]
        self._move_on(self.runs[number])
        self._move_on(self.runs[number])
        self.runs[number].update(run)
        return number

    def _page(self, workspace: str, name: str, *, query: Any, body: Any) -> Answer:
        self._in_workspace(workspace)
        self._find("inputs/data-pipelines", name)
        size, page = int(query.get("pageSize", 50)), int(query.get("currentPage", 1))
        first, last = (query.get(each, edge) for each, edge in (("startDate", "0"), ("endDate", "9")))
        found = [run for run in self._runs_of(name) if first <= run["logical_date"] <= last]
        pages = -(-len(found) // size)
        return 200, {
            "items": found[(page - 1) * size : page * size],
            "current_page": page,
            "page_size": size,
            "total_pages": pages,
            "total_items": len(found),
            "has_previous_page": page > 1,
            "has_next_page": page < pages,
        }

    def _trigger(self, workspace: str, *, query: Any, body: Any) -> Answer:
        self._in_workspace(workspace)
        pipeline = self._find("inputs/data-pipelines", str((body or {}).get("pipeline_id")))
        if pipeline["connection_id"] in self.accounts_that_fail:
            raise Refused(505, _errors(505, "The request failed to connect to the warehouse account."))
        if any(run["status"] in ("queued", "running", "retrying") for run in self._runs_of(pipeline["id"])):
            raise _bad(f"Pipeline {pipeline['id']} is already in progress.")
        number = max(self.runs, default=13_324) + 1
        done = [run["range_end"] for run in self._runs_of(pipeline["id"]) if run["status"] == "success"]
        self.runs[number] = {
            "id": number,
            "pipeline_id": pipeline["id"],
            "type": "manual",
            "status": "queued",
            "errors": [],
            "logical_date": _text(self.now),
            "started_on": None,
            "ended_on": None,
            "range_start": done[-1] if done else pipeline["sync_mode"].get("from", "2023-02-01T00:00:00Z"),
            "range_end": _text(self.now),
            "successful_records": 0,
            "failed_records": 0,
        }
        return 200, {"pipeline_run_id": number, "status": "attempt_requested"}

    def _run(self, workspace: str, name: str, number: str, *, query: Any, body: Any) -> Answer:
        self._in_workspace(workspace)
        run = self.runs.get(int(number))
        if run is None or run["pipeline_id"] != name:
            raise Refused(404, _errors(404, f"Run {number} was not found."))
        self._move_on(run)
        return 200, run

    def _report(self, workspace: str, name: str, *, query: Any, body: Any) -> Answer:
        self._in_workspace(workspace)
        pipeline = self._find("inputs/data-pipelines", name)
        runs = self._runs_of(name)
        connection = self.resources["connections"][pipeline["connection_id"]]
        model = self.resources["data-models"][pipeline["data_model_id"]]
        return 200, {
            "pipeline_id": name,
            "status": pipeline["status"],
            "errors": pipeline["errors"],
            "connection_status": connection["status"],
            "connection_errors": connection["errors"],
            "data_model_status": model["status"],
            "data_model_errors": model["errors"],
            "latest_successful_pipeline_run_id": next((r["id"] for r in runs[::-1] if r["status"] == "success"), 0),
            "latest_pipeline_run": runs[-1] if runs else None,
        }

    def _move_on(self, run: dict[str, Any]) -> None:
        if run["status"] == "queued":
            run.update(status="running", started_on=_text(self.now))
        elif run["status"] == "running":
            self.now += timedelta(minutes=1)
            run.update({"status": "success", "successful_records": "100", "ended_on": _text(self.now)})
            for place, ending in (self.endings.pop(0) if self.endings else {}).items():
                target = {
                    "run": run,
                    "connection": self._of(run, "connections", "connection_id"),
                    "data_model": self._of(run, "data-models", "data_model_id"),
                }[place]
                target.update(ending)

    def _of(self, run: dict[str, Any], kind: str, field: str) -> dict[str, Any]:
        return self.resources[kind][self.resources["inputs/data-pipelines"][run["pipeline_id"]][field]]

    def _runs_of(self, name: str) -> list[dict[str, Any]]:
        return [run for run in self.runs.values() if run["pipeline_id"] == name]

    def _in_workspace(self, workspace: str) -> None:
        if workspace != self.workspace:
            raise Refused(404, _errors(404, "There is no such workspace."))

    def _find(self, kind: str, name: str) -> dict[str, Any]:
        found = self.resources[kind].get(name)
        if found is None:
            raise Refused(404, _errors(404, f"{name} was not found."))
        return found

    def _masked(self, stored: dict[str, Any]) -> dict[str, Any]:
        config = {
            name: _MASK if name in ("password", "service_account_key") else value
            for name, value in stored.get("config", {}).items()
        }
        return {**stored, "config": config} if config else stored


def _bad(message: str) -> Refused:
    return Refused(400, _errors(400, message))


def _errors(status: int, message: str) -> dict[str, Any]:
    return {"statusCode": status, "errors": [{"message": message}]}


def _one_of(body: dict[str, Any], name: str, *allowed: str) -> None:
    if body.get(name) not in allowed:
        raise _bad(f"{name} must be one of {', '.join(allowed)}.")


def _keys(body: dict[str, Any], required: set[str], optional: set[str]) -> None:
    if required - set(body):
        raise _bad(f"missing {', '.join(sorted(required - set(body)))}.")
    if unknown := set(body) - required - optional:
        raise _bad(f"unknown {', '.join(sorted(unknown))}.")


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


if __name__ == "__main__":
    serve_until_killed(FakeWarehouseSync(int(sys.argv[1])))
