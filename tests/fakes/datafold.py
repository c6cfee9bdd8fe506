"""Datafold's API, as far as a pipeline uses it, as its documents describe it.

A monitor's run and a data diff move on each time they are looked at, along `run_states` and `diff_states`. An upload
of changes finds a run of the CI that waits for it as long as `waiting` is true.
Stand-alone: `python -m tests.fakes.datafold PORT`.
"""

import sys
from typing import Any

from tests.fakes.json_api import Answer, JsonApi, Refused, serve_until_killed

_SPEC = {"name", "schedule", "description", "enabled", "notifications", "owner", "tags"}
_KINDS = {
    "diff": ({"datadiff"}, {"alert"}),
    "metric": ({"connection_id", "metric"}, {"alert"}),
    "schema": ({"connection_id"}, {"table"}),
    "test": ({"connection_id"}, {"query", "test"}),
}
_METRICS = {
    "table": {"row_count", "freshness"},
    "column": {
        *("minimum", "maximum", "std_dev", "cardinality", "uniqueness", "median", "average", "sum", "fill_rate"),
    },
}
_DIFF = {
    *("data_source1_id", "data_source2_id", "table1", "table2", "query1", "query2", "pk_columns", "infer_pk"),
    *("filter1", "filter2", "include_columns", "exclude_columns", "diff_tolerance", "tolerance_mode", "tags"),
    *("column_mapping", "sampling_ratio", "sampling_max_rows", "compare_duplicates", "table_modifiers"),
}
_N = r"(\d+)"


class FakeDatafold(JsonApi):
    """One organization."""

    key = "df-key-5512-is-not-printed"
    routes = (
        ("GET", "/api/v1/data_sources", "_data_sources"),
        ("GET", "/api/v1/data_sources/types", "_types"),
        ("GET", rf"/api/v1/data_sources/test/{_N}", "_test_result"),
        ("GET", rf"/api/v1/data_sources/{_N}", "_data_source"),
        ("GET", rf"/api/v1/data_sources/{_N}/summary", "_data_source_summary"),
        ("POST", rf"/api/v1/data_sources/{_N}/test", "_test"),
        ("POST", rf"/api/v1/data_sources/{_N}/query", "_query"),
        ("GET", "/api/v1/datadiffs", "_diffs"),
        ("POST", "/api/v1/datadiffs", "_create_diff"),
        ("GET", rf"/api/v1/datadiffs/{_N}", "_diff"),
        ("GET", rf"/api/v1/datadiffs/{_N}/summary", "_diff_summary"),
        ("GET", rf"/api/v1/datadiffs/{_N}/summary_results", "_diff_results"),
        ("GET", "/api/v1/monitors", "_monitors"),
        ("POST", "/api/v1/monitors/create/(diff|metric|schema|test)", "_create_monitor"),
        ("GET", rf"/api/v1/monitors/{_N}", "_monitor"),
        ("POST", rf"/api/v1/monitors/{_N}/run", "_run_monitor"),
        ("GET", rf"/api/v1/monitors/{_N}/runs", "_runs"),
        ("GET", rf"/api/v1/monitors/{_N}/runs/{_N}", "_run"),
        ("GET", rf"/api/v1/explore/db/{_N}/(tables|columns)/([^/]+)/(upstreams|downstreams)", "_explore"),
        ("GET", rf"/api/v1/ci/{_N}/runs", "_ci_runs"),
        ("POST", rf"/api/v1/ci/{_N}/trigger", "_trigger_ci"),
        ("POST", rf"/api/v1/ci/{_N}/{_N}", "_upload"),
        ("GET", "/api/v1/lineage/bi/", "_bi"),
        ("GET", rf"/api/v1/lineage/bi/{_N}/", "_bi_one"),
        ("GET", rf"/api/v1/lineage/bi/{_N}/sync/", "_bi_one"),
        ("GET", "/api/v1/audit_logs", "_audit_logs"),
        ("GET", "/api/internal/bolt/org/spend", "_spend"),
    )

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.bodies: list[Any] = []
        self.queries: list[dict[str, str]] = []
        self.monitors: dict[int, dict[str, Any]] = {}
        self.runs: dict[int, dict[str, Any]] = {}
        self.run_states = ["queued", "checking", "ok"]
        self.run_facts: dict[str, Any] = {}
        self.diff_states = ["waiting", "processing", "done"]
        self.results: dict[str, Any] = {"status": "success", "pks": {"exclusives": [0, 0]}, "values": None}
        self.edges: list[tuple[str, str]] = []
        self.waiting = True
        self._looks: dict[str, int] = {}

    @property
    def environment(self) -> dict[str, str]:
        return {"DATAFOLD_API_KEY": self.key, "DATAFOLD_HOST": self.url}

    def authorized(self, headers: Any) -> bool:
        return headers.get("authorization") == f"Key {self.key}"

    def _data_sources(self, *, query: Any, body: Any) -> Answer:
        source = {"id": 7, "type": "snowflake", "name": "Snow", "accessible": True, "a_new_field": {"of": "later"}}
        return 200, [source]

    def _types(self, *, query: Any, body: Any) -> Answer:
        return 200, [{"type": "pg", "name": "PostgreSQL", "features": [], "configuration_schema": {}}]

    def _data_source(self, number: str, *, query: Any, body: Any) -> Answer:
        return 200, {"id": int(number), "type": "snowflake", "name": "Snow", "options": {"password": "**"}}

    def _data_source_summary(self, number: str, *, query: Any, body: Any) -> Answer:
        return 200, {"id": int(number), "type": "snowflake", "name": "Snow"}

    def _test(self, number: str, *, query: Any, body: Any) -> Answer:
        return 200, {"job_id": 31}

    def _test_result(self, job: str, *, query: Any, body: Any) -> Answer:
        status = self._next("test", ["queued", "processing", "done"])
        return 200, {"id": int(job), "status": status, "results": [{"step": "connection", "status": status}]}

    def _query(self, number: str, *, query: Any, body: Any) -> Answer:
        _fields(body, {"query"}, {"params"})
        return 200, {"rows": [{"n": 1}, {"n": None}], "columns": [{"name": "n", "type": "integer"}]}

    def _diffs(self, *, query: Any, body: Any) -> Answer:
        found = [{"id": 1, "status": "done", "result": "identical", "kind": "in_db", "pk_columns": ["id"]}]
        return 200, {"count": 1, "page": int(query["page"]), "page_size": 100, "total_pages": 1, "results": found}

    def _create_diff(self, *, query: Any, body: Any) -> Answer:
        _fields(body, {"data_source1_id", "data_source2_id"}, _DIFF)
        self.bodies.append(body)
        return 200, {**body, "id": 88, "kind": "in_db", "status": "needs_confirmation"}

    def _diff(self, number: str, *, query: Any, body: Any) -> Answer:
        return 200, {"id": int(number), "status": self._next("diff", self.diff_states)}

    def _diff_summary(self, number: str, *, query: Any, body: Any) -> Answer:
        return 200, {"id": int(number), "status": "done", "feedback": "Equal."}

    def _diff_results(self, number: str, *, query: Any, body: Any) -> Answer:
        return 200, self.results

    def _monitors(self, *, query: Any, body: Any) -> Answer:
        self.queries.append(query)
        found = [{"id": number, "name": each["name"], "enabled": True} for number, each in self.monitors.items()]
        page = {"count": len(found), "page": int(query["page"]), "page_size": 20, "total_pages": 1}
        return 200, {**page, "monitors": found}

    def _create_monitor(self, kind: str, *, query: Any, body: Any) -> Answer:
        required, optional = _KINDS[kind]
        _fields(body, {"name", "schedule", *required}, {*_SPEC, *optional})
        known = _METRICS.get(body["metric"]["type"]) if kind == "metric" else None
        if known is not None and body["metric"]["metric"] not in known:
            raise _invalid("metric", "Input should be one of the aliases")
        if not {"interval", "cron", "type"} & set(body["schedule"]):
            raise _invalid("schedule", "Field required")
        number = len(self.monitors) + 501
        self.monitors[number] = body
        self.bodies.append(body)
        return 200, {"id": number}

    def _monitor(self, number: str, *, query: Any, body: Any) -> Answer:
        return 200, {**self._found(number), "id": int(number)}

    def _run_monitor(self, number: str, *, query: Any, body: Any) -> Answer:
        self._found(number)
        run_id = len(self.runs) + 9001
        self.runs[run_id] = {
            "monitor_id": int(number),
            "run_id": run_id,
            "warnings": [],
            "error": None,
            "diff_id": None,
        }
        return 200, {"run_id": run_id}

    def _runs(self, number: str, *, query: Any, body: Any) -> Answer:
        page = {"count": 1, "page": 1, "page_size": 10, "total_pages": 1}
        return 200, {**page, "runs": [{"monitor_id": int(number), "run_id": 9001, "state": "ok"}]}

    def _run(self, number: str, run_id: str, *, query: Any, body: Any) -> Answer:
        if int(run_id) not in self.runs:
            raise Refused(404, {"detail": "Run not found"})
        state = self._next(f"run {run_id}", self.run_states)
        return 200, {**self.runs[int(run_id)], "state": state, **self.run_facts}

    def _explore(self, number: str, kind: str, path: str, direction: str, *, query: Any, body: Any) -> Answer:
        self.queries.append(query)
        if not 1 <= int(query.get("max_depth", 10)) < 100:
            raise _invalid("max_depth", "Input should be less than 100")
        ends = [
            (target if direction == "downstreams" else source)
            for source, target in self.edges
            if path == (source if direction == "downstreams" else target)
        ]
        return 200, [_node(end) for end in ends]

    def _ci_runs(self, number: str, *, query: Any, body: Any) -> Answer:
        self.queries.append(query)
        return 200, [{"id": 3, "status": "done", "pr_num": "12", "pr_branch": "b", "pr_sha": "s", "source": "api"}]

    def _trigger_ci(self, number: str, *, query: Any, body: Any) -> Answer:
        _fields(body, {"base_branch", "base_sha", "pr_branch", "pr_number", "pr_sha"}, set())
        self.bodies.append(body)
        return 200, {"run_id": None, "ci_run_id": 3}

    def _upload(self, number: str, pr: str, *, query: Any, body: Any) -> Answer:
        if not isinstance(body, list):
            raise _invalid("body", "Input should be a valid list")
        for each in body:
            _fields(each, {"prod", "pr"}, {"pk", "include_columns", "exclude_columns"})
        self.bodies.append(body)
        return 200, {"run_id": None, "ci_run_id": 3 if self.waiting else None}

    def _bi(self, *, query: Any, body: Any) -> Answer:
        return 200, [{"id": 2, "type": "tableau", "name": "Dashboards"}]

    def _bi_one(self, number: str, *, query: Any, body: Any) -> Answer:
        return 200, {"id": int(number), "type": "tableau", "name": "Dashboards"}

    def _audit_logs(self, *, query: Any, body: Any) -> Answer:
        if body is not None:
            _fields(body, set(), {"start_date", "end_date"})
        entry = {"timestamp": "2024-03-01T00:00:00", "url": "/api/v1/monitors", "client_ip": "::1", "event_uuid": "u"}
        return 200, {"logs": [entry]}

    def _spend(self, *, query: Any, body: Any) -> Answer:
        names = ("daily_cap_usd", "daily_spend_usd", "monthly_cap_usd", "monthly_spend_usd")
        return 200, {**dict.fromkeys(names, "1.50"), "enforced": True}

    def _found(self, number: str) -> dict[str, Any]:
        if int(number) not in self.monitors:
            raise Refused(404, {"detail": "Monitor not found"})
        return self.monitors[int(number)]

    def _next(self, what: str, states: list[str]) -> str:
        look = self._looks.get(what, 0)
        self._looks[what] = look + 1
        return states[min(look, len(states) - 1)]


def _node(path: str) -> dict[str, Any]:
    """A node as it is answered: `column@table` is a column; the parts of a table are divided by `/`."""
    column, _, table = path.rpartition("@")
    parts = table.split("/") if "/" in table else _split(table)
    if column:
        return {"type": "Column", "name": column, "table": {"name": parts[-1], "path": parts}}
    return {"type": "Table", "name": parts[-1], "path": parts, "columns": []}


def _split(path: str) -> list[str]:
    if '"' not in path:
        return path.split(".")
    head, quoted, _ = path.split('"', 2)
    return [*head.rstrip(".").split("."), quoted]


def _fields(body: Any, required: set[str], optional: set[str]) -> None:
    if not isinstance(body, dict):
        raise _invalid("body", "Input should be a valid dictionary")
    for name in sorted(required - set(body)):
        raise _invalid(name, "Field required")
    for name in sorted(set(body) - required - optional):
        raise _invalid(name, "Extra inputs are not permitted")


def _invalid(name: str, message: str) -> Refused:
    return Refused(422, {"detail": [{"loc": ["body", name], "msg": message, "type": "value_error"}]})


if __name__ == "__main__":
    serve_until_killed(FakeDatafold(int(sys.argv[1])))
