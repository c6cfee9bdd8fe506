"""Datafold's API, as far as a pipeline can use it. Answers are read leniently: what is not known is passed on."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from observe_dagster.errors import PublishError
from observe_dagster.integrations.datafold.requests import ChangedTable, DataDiff, PullRequest
from observe_dagster.integrations.datafold.settings import DatafoldSettings
from observe_dagster.integrations.dry_run import dry_run
from observe_dagster.integrations.http import Client, without_none

if TYPE_CHECKING:
    import httpx

SYSTEM = "Datafold"
READ_ATTEMPTS = 3

Document = dict[str, Any]
MonitorType = Literal["diff", "metric", "schema", "test"]
Direction = Literal["upstreams", "downstreams"]
NodeKind = Literal["tables", "columns"]


class Datafold(Client):
    """Datafold's verbs; each is one request and raises PublishError. Reading is tried again, writing is not.

    With `folder` requests are written there instead of sent.
    """

    def __init__(
        self, settings: DatafoldSettings, *, folder: Path | None = None, transport: "httpx.BaseTransport | None" = None
    ) -> None:
        transport = dry_run(folder, "datafold", lambda _: (200, {"ci_run_id": 0, "run_id": 0})) or transport
        headers = {"Authorization": f"Key {settings.api_key}"}
        super().__init__(settings.host, headers, system=SYSTEM, transport=transport)

    # Data sources

    def data_sources(self) -> list[Document]:
        """Every data source of the organization."""
        return _listed(self._get("/api/v1/data_sources"))

    def data_source_types(self) -> list[Document]:
        """The kinds of data sources."""
        return _listed(self._get("/api/v1/data_sources/types"))

    def data_source(self, number: int) -> Document:
        """One data source."""
        return _document(self._get(f"/api/v1/data_sources/{number}"))

    def data_source_summary(self, number: int) -> Document:
        """The id, name and type of one data source."""
        return _document(self._get(f"/api/v1/data_sources/{number}/summary"))

    def test_data_source(self, number: int) -> int | None:
        """Start testing a connection; returns the number of the job."""
        return _number(self._post(f"/api/v1/data_sources/{number}/test"), "job_id")

    def data_source_test(self, job_id: int) -> Document:
        """A test: its `status` and the results of its steps."""
        return _document(self._get(f"/api/v1/data_sources/test/{job_id}"))

    def query(self, number: int, query: str, params: Sequence[str] | None = None) -> Document:
        """Run a query at a data source; returns `rows`, and `columns` where they are known."""
        body = {"query": query, **({} if params is None else {"params": list(params)})}
        return _document(self._post(f"/api/v1/data_sources/{number}/query", body))

    # Data diffs

    def data_diffs(self, *, page: int = 1, page_size: int = 100) -> Document:
        """One page of data diffs."""
        return _document(self._get("/api/v1/datadiffs", page=page, page_size=page_size))

    def create_data_diff(self, diff: DataDiff) -> int | None:
        """Start a data diff; returns its number."""
        return _number(self._post("/api/v1/datadiffs", diff.body()), "id")

    def data_diff(self, number: int) -> Document:
        """One data diff."""
        return _document(self._get(f"/api/v1/datadiffs/{number}"))

    def data_diff_summary(self, number: int) -> Document:
        """The summary of a data diff in words and numbers."""
        return _document(self._get(f"/api/v1/datadiffs/{number}/summary"))

    def data_diff_results(self, number: int) -> Document:
        """The summary results of a data diff; only `status` until it has ended."""
        return _document(self._get(f"/api/v1/datadiffs/{number}/summary_results"))

    # Monitors

    def monitors(self, *, page: int = 1, page_size: int = 20, tags: str | None = None) -> Document:
        """One page of monitors, the newest first."""
        return _document(self._get("/api/v1/monitors", page=page, page_size=page_size, tags=tags))

    def monitor(self, number: int) -> Document:
        """One monitor."""
        return _document(self._get(f"/api/v1/monitors/{number}"))

    def create_monitor(self, kind: MonitorType, body: Document) -> int | None:
        """Create a monitor of a kind; returns its number."""
        return _number(self._post(f"/api/v1/monitors/create/{kind}", body), "id")

    def run_monitor(self, number: int) -> int | None:
        """Start a run of a monitor; returns the run's number."""
        return _number(self._post(f"/api/v1/monitors/{number}/run"), "run_id")

    def monitor_runs(
        self,
        number: int,
        *,
        page: int = 1,
        page_size: int = 10,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
    ) -> Document:
        """One page of a monitor's runs."""
        times = {"start_time": _instant(start_time), "end_time": _instant(end_time)}
        return _document(self._get(f"/api/v1/monitors/{number}/runs", page=page, page_size=page_size, **times))

    def monitor_run(self, number: int, run_id: int) -> Document:
        """One run of a monitor."""
        return _document(self._get(f"/api/v1/monitors/{number}/runs/{run_id}"))

    # Lineage

    def explore(
        self, connection: int, kind: NodeKind, path: str, direction: Direction, *, max_depth: int = 1
    ) -> list[Document]:
        """The tables or columns above or below one. `path` is one segment of the URL, whatever it holds."""
        place = f"/api/v1/explore/db/{connection}/{kind}/{quote(path, safe='')}/{direction}"
        return _listed(self._get(place, max_depth=max_depth))

    # CI

    def ci_runs(
        self,
        config: int,
        *,
        pr_sha: str | None = None,
        pr_num: str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Document]:
        """The runs of a CI configuration."""
        return _listed(self._get(f"/api/v1/ci/{config}/runs", pr_sha=pr_sha, pr_num=pr_num, limit=limit, offset=offset))

    def trigger_ci(self, config: int, pull_request: PullRequest) -> Document:
        """Start a run for a pull request."""
        return _document(self._post(f"/api/v1/ci/{config}/trigger", pull_request.body()))

    def upload_changes(self, config: int, pr_num: int, tables: Sequence[ChangedTable]) -> Document:
        """Tell which tables a pull request changes, and where both versions of each are."""
        return _document(self._post(f"/api/v1/ci/{config}/{pr_num}", [table.body() for table in tables]))

    # BI integrations, audit logs, spend

    def bi_integrations(self) -> list[Document]:
        """Every BI integration."""
        return _listed(self._get("/api/v1/lineage/bi/"))

    def bi_integration(self, number: int) -> Document:
        """One BI integration."""
        return _document(self._get(f"/api/v1/lineage/bi/{number}/"))

    def sync_bi_integration(self, number: int) -> Document:
        """Start an unscheduled synchronization; sent once, although the API takes it as a GET."""
        return _document(self.request("GET", f"/api/v1/lineage/bi/{number}/sync/").json())

    def audit_logs(self, *, start_date: datetime | None = None, end_date: datetime | None = None) -> list[Document]:
        """What was done in the organization, between two times where they are given."""
        times = {"start_date": _instant(start_date), "end_date": _instant(end_date)}
        answer = self.request(
            "GET", "/api/v1/audit_logs", json=without_none(times) or None, attempts=READ_ATTEMPTS
        ).json()
        return _listed(answer.get("logs") if isinstance(answer, Mapping) else answer)

    def spend(self) -> Document:
        """What the organization spent on language models, and its caps, in US dollars."""
        return _document(self._get("/api/internal/bolt/org/spend"))

    def _get(self, path: str, **params: Any) -> Any:
        answer = self.request("GET", path, params=params, attempts=READ_ATTEMPTS).json()
        if answer is None:
            raise PublishError(SYSTEM, "answered something that is not JSON; is DATAFOLD_HOST right?")
        return answer

    def _post(self, path: str, body: Any = None) -> Any:
        return self.request("POST", path, json=body).json()


def _document(answer: Any) -> Document:
    return dict(answer) if isinstance(answer, Mapping) else {}


def _listed(answer: Any) -> list[Document]:
    return [dict(each) for each in answer if isinstance(each, Mapping)] if isinstance(answer, list) else []


def _number(answer: Any, name: str) -> int | None:
    value = answer.get(name) if isinstance(answer, Mapping) else None
    return int(value) if isinstance(value, int | str) and str(value).isdigit() else None


def _instant(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
