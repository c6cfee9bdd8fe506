"""What this package starts listens on this machine only, and no process shows a secret in its arguments."""

import json
import os
import re
import signal
import socket
import threading
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's /proc")

SECRETS = {"ledger": "ledger-sesame-4711", "source": "source-sesame-4712", "target": "target-sesame-4713"}
PARTS = ("dagster_webserver", "dagster._daemon", "api grpc", "multiprocessing")
LAUNCH = """mutation($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}"""
STATUS = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"


class Watch:
    """Notes the arguments and listening addresses of every process whose environment holds a mark."""

    def __init__(self, mark: str) -> None:
        self.mark = mark.encode()
        self.arguments: dict[int, str] = {}
        self.listening: set[str] = set()
        self._stop = threading.Event()

    def __enter__(self) -> "Watch":
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.1):
            self.look()

    def look(self) -> None:
        """Look at all processes once."""
        inodes: set[str] = set()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if self.mark not in (process / "environ").read_bytes():
                    continue
                self.arguments[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                for descriptor in (process / "fd").iterdir():
                    with suppress(OSError):
                        inodes.update(re.findall(r"^socket:\[(\d+)\]$", str(descriptor.readlink())))
        self.listening |= {address for inode, address in _listening() if inode in inodes}


def _listening() -> Iterator[tuple[str, str]]:
    for family, table in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                packed = bytes.fromhex(fields[1].partition(":")[0])
                words = [packed[i : i + 4][::-1] for i in range(0, len(packed), 4)]
                yield fields[9], socket.inet_ntop(family, b"".join(words))


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    mark = f"observe-watch-{uuid.uuid4()}"
    monkeypatch.setenv("OBSERVE_TEST_MARK", mark)
    with Watch(mark) as watch:
        yield watch


def with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}:{password}@{place}"))


@pytest.fixture
def secretive(workspace, monkeypatch):
    """The workspace, whose databases' passwords are known to the test."""
    for name, variable in (
        ("ledger", "OBSERVE_DATABASE_URL"),
        ("source", "TEST_OPS_URL"),
        ("target", "TEST_WAREHOUSE_URL"),
    ):
        monkeypatch.setenv(variable, with_password(os.environ[variable], SECRETS[name]))
    return workspace


def ask(url: str, query: str, **variables: object) -> dict:
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{url}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)["data"]


def first_document(stream) -> dict:
    text = ""
    for line in stream:
        text += line
        if line.rstrip() == "}":
            return json.loads(text)
    raise AssertionError(text)


def no_secret_in(watch: Watch) -> None:
    shown = "\n".join(watch.arguments.values())
    assert [name for name, secret in SECRETS.items() if secret in shown] == []


def test_dev_and_its_runs_show_no_secret_and_listen_on_this_machine_only(secretive, monkeypatch) -> None:
    with watched(monkeypatch) as watch, secretive.start("dev", "--port", "0", "--json") as process:
        try:
            url = first_document(process.stdout)["url"]
            params = {
                "selector": {
                    "repositoryLocationName": "observe_dagster",
                    "repositoryName": "__repository__",
                    "jobName": "sync",
                    "assetSelection": [{"path": ["warehouse", "analytics", "orders"]}],
                },
                "runConfigData": {},
            }
            launched = ask(url, LAUNCH, params=params)["launchRun"]
            assert launched["__typename"] == "LaunchRunSuccess", launched
            status = None
            while status not in ("SUCCESS", "FAILURE", "CANCELED"):
                watch.look()
                status = ask(url, STATUS, id=launched["run"]["runId"])["runOrError"]["status"]
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
    assert status == "SUCCESS"
    started = " ".join(watch.arguments.values())
    assert [part for part in PARTS if part not in started] == []
    no_secret_in(watch)
    assert watch.listening <= {"127.0.0.1", "::1"}
    assert watch.listening


def test_trigger_and_the_embedded_server_show_no_secret(secretive, monkeypatch) -> None:
    monkeypatch.delenv("OBSERVE_DATABASE_URL")
    with watched(monkeypatch) as watch, secretive.start("trigger", "orders-on-demand", "--json") as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert json.loads(out)
    assert any("postgres" in arguments for arguments in watch.arguments.values())
    no_secret_in(watch)
    assert watch.listening <= {"127.0.0.1", "::1"}
