"""`observe dev` serves the Dagster UI and stops when it is told to."""

import json
import signal
import socket
import urllib.request

import pytest

QUERY = """{
  workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError { __typename } } } }
  assetNodes { assetKey { path } }
}"""


def _first_document(stream):
    text = ""
    for line in stream:
        text += line
        if line.rstrip() == "}":
            return json.loads(text)
    raise AssertionError(f"no JSON document in {text!r}")


def _ask(url, query):
    request = urllib.request.Request(
        f"{url}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)["data"]


def test_dev_serves_what_is_declared_and_stops_on_a_signal(workspace):
    with workspace.start("dev", "--port", "0", "--json") as process:
        try:
            document = _first_document(process.stdout)
            answer = _ask(document["url"], QUERY)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert answer["workspaceOrError"]["locationEntries"] == [
        {"name": "observe_dagster", "locationOrLoadError": {"__typename": "RepositoryLocation"}}
    ]
    paths = ["/".join(node["assetKey"]["path"]) for node in answer["assetNodes"]]
    assert {"warehouse/analytics/orders", "ops/public/orders"} <= set(paths)
    assert (process.returncode, out) == (128 + signal.SIGTERM, "")
    assert "Traceback" not in err
    host, port = document["url"].removeprefix("http://").split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5).close()


def test_dev_says_that_its_port_is_taken_before_anything_starts(workspace):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = workspace.run("dev", "--port", port)
    assert result.exit_code == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in result.stderr
    assert not (workspace.defs.parent / "home").exists()


def test_dev_does_not_start_with_a_mistake_in_what_is_declared(workspace):
    (workspace.defs / "wrong.yaml").write_text("type: observe_dagster.WarehouseSync\nattributes: {pipelines: 3}\n")
    result = workspace.run("dev", "--port", "0")
    assert result.exit_code == 1
    assert "wrong.yaml:2" in result.stderr
