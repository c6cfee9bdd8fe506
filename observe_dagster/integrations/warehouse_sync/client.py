"""The Warehouse Sync API of mParticle: resources, triggers, runs and reports, with answers read leniently."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from observe_dagster.errors import PublishError
from observe_dagster.integrations.http import Client
from observe_dagster.integrations.warehouse_sync.payloads import Body
from observe_dagster.integrations.warehouse_sync.settings import WarehouseSyncSettings
from observe_dagster.records import RunStatus

if TYPE_CHECKING:
    import httpx

SYSTEM = "Warehouse Sync"
READ_ATTEMPTS = 3
PAGE_SIZE = 100
_MOST_PAGES = 1_000
_PATHS = {"connection": "/connections", "data_model": "/data-models", "pipeline": "/inputs/data-pipelines"}

Resource = Literal["connection", "data_model", "pipeline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteRun:
    """One run as the API describes it; times that are missing or cannot be read are None."""

    id: int
    status: RunStatus
    type: str
    errors: tuple[str, ...]
    logical_date: datetime | None
    started_on: datetime | None
    ended_on: datetime | None
    range_start: datetime | None
    range_end: datetime | None
    successful_records: int
    failed_records: int

    @property
    def is_open(self) -> bool:
        """Whether it has not ended yet."""
        return self.status in (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.RETRYING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How a pipeline, its connection and its data model stand."""

    status: str
    errors: tuple[str, ...]
    connection_status: str
    connection_errors: tuple[str, ...]
    data_model_status: str
    data_model_errors: tuple[str, ...]
    latest_run: RemoteRun | None
    latest_successful_run_id: int

    @property
    def newest_run_id(self) -> int:
        """The highest number of a run that it tells of; 0 before the first."""
        return max(self.latest_successful_run_id, self.latest_run.id if self.latest_run is not None else 0)


class WarehouseSyncClient(Client):
    """A workspace's connections, data models and pipelines. Verbs raise PublishError."""

    def __init__(
        self,
        settings: WarehouseSyncSettings,
        *,
        secrets: Sequence[str] = (),
        transport: "httpx.BaseTransport | None" = None,
    ) -> None:
        """`secrets` are what bodies may hold; they and the token are masked in every error."""
        base = f"{settings.url}/workspaces/{quote(settings.workspace_id, safe='')}"
        headers = {"Authorization": f"Bearer {settings.token}"}
        super().__init__(base, headers, system=SYSTEM, secrets=tuple(secrets), transport=transport)

    def resources(self, kind: Resource) -> list[dict[str, Any]]:
        """Every connection, data model or pipeline of the workspace."""
        answer = self._read_json(_PATHS[kind])
        items = answer.get("items") if isinstance(answer, Mapping) else answer
        if not isinstance(items, list):
            raise PublishError(SYSTEM, "did not answer with a list; is MPARTICLE_URL right?")
        return [dict(each) for each in items if isinstance(each, Mapping)]

    def create(self, kind: Resource, body: Body) -> None:
        """Create a resource; its answer is not read, for it may hold what was sent."""
        self.request("POST", _PATHS[kind], json=body)

    def update(self, kind: Resource, body: Body) -> None:
        """Replace a resource, which clears its fault."""
        self.request("PUT", f"{_PATHS[kind]}/{quote(body['id'], safe='')}", json=body)

    def trigger(self, pipeline_id: str) -> int | None:
        """Start a run and return its number; None when the answer has none. Sent once."""
        path = f"{_PATHS['pipeline']}/trigger"
        answer = self.request("POST", path, json={"pipeline_id": pipeline_id}).json()
        return _number(answer.get("pipeline_run_id")) if isinstance(answer, Mapping) else None

    def report(self, pipeline_id: str) -> Report:
        """The status of a pipeline, and its latest run."""
        answer = self._read_json(f"{self._pipeline(pipeline_id)}/report")
        body: Mapping[str, Any] = answer if isinstance(answer, Mapping) else {}
        latest = body.get("latest_pipeline_run")
        return Report(
            status=str(body.get("status") or "idle"),
            errors=_messages(body.get("errors")),
            connection_status=str(body.get("connection_status") or "healthy"),
            connection_errors=_messages(body.get("connection_errors")),
            data_model_status=str(body.get("data_model_status") or "valid"),
            data_model_errors=_messages(body.get("data_model_errors")),
            latest_run=read_run(latest) if isinstance(latest, Mapping) else None,
            latest_successful_run_id=_number(body.get("latest_successful_pipeline_run_id")) or 0,
        )

    def runs(self, pipeline_id: str, *, since: datetime) -> list[RemoteRun]:
        """The runs whose logical date is not before a time, by number."""
        by_number: dict[int, RemoteRun] = {}
        for page in range(1, _MOST_PAGES + 1):
            params = {
                "currentPage": page,
                "pageSize": PAGE_SIZE,
                "startDate": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            }
            answer = self._read_json(f"{self._pipeline(pipeline_id)}/runs", **params)
            items = answer.get("items") if isinstance(answer, Mapping) else None
            if not isinstance(items, list):
                raise PublishError(SYSTEM, "did not answer with a page of runs; is MPARTICLE_URL right?")
            read = (read_run(each) for each in items if isinstance(each, Mapping))
            by_number |= {run.id: run for run in read if run is not None}
            if not answer.get("has_next_page"):
                break
        return [by_number[number] for number in sorted(by_number)]

    def run(self, pipeline_id: str, run_id: int) -> RemoteRun | None:
        """One run; None when the answer is none."""
        answer = self._read_json(f"{self._pipeline(pipeline_id)}/runs/{run_id}")
        return read_run(answer) if isinstance(answer, Mapping) else None

    def _read_json(self, path: str, **params: Any) -> Any:
        return self.request("GET", path, params=params, attempts=READ_ATTEMPTS).json()

    def _pipeline(self, pipeline_id: str) -> str:
        return f"{_PATHS['pipeline']}/{quote(pipeline_id, safe='')}"


def read_run(answer: Mapping[str, Any]) -> RemoteRun | None:
    """Read a run leniently: numbers may be text, and a status that is not known counts as still running."""
    number = _number(answer.get("id"))
    if number is None:
        return None
    status = str(answer.get("status") or "").lower()
    return RemoteRun(
        id=number,
        status=RunStatus(status) if status in list(RunStatus) else RunStatus.RUNNING,
        type=str(answer.get("type") or ""),
        errors=_messages(answer.get("errors")),
        logical_date=_moment(answer.get("logical_date")),
        started_on=_moment(answer.get("started_on")),
        ended_on=_moment(answer.get("ended_on")),
        range_start=_moment(answer.get("range_start")),
        range_end=_moment(answer.get("range_end")),
        successful_records=_number(answer.get("successful_records")) or 0,
        failed_records=_number(answer.get("failed_records")) or 0,
    )


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _messages(value: Any) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else []
    messages = (each.get("message") if isinstance(each, Mapping) else each for each in listed)
    return tuple(str(message) for message in messages if message)
