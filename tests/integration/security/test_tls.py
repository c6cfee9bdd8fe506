"""Every client that speaks HTTPS refuses a server whose certificate it cannot verify."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psycopg
import pytest
import trustme

from observe_dagster.alerts.notifier import send_message
from observe_dagster.config import project_from_attributes
from observe_dagster.config.models.alerts import Channel
from observe_dagster.errors import DeliveryError, SpecError, UnreachableError
from observe_dagster.integrations.http import Client

MESSAGE = {"title": "Late", "text": "late", "markdown": "late", "level": "error"}


class Handler(BaseHTTPRequestHandler):
    """Takes every request and counts it."""

    taken = 0

    def do_POST(self) -> None:
        type(self).taken += 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def impostor() -> Iterator[str]:
    """`host:port` of a server whose certificate is of an authority that nobody knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost", "127.0.0.1").configure_cert(context)
    Handler.taken = 0
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"localhost:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_neighbouring_system_with_an_unknown_certificate_is_not_told_anything(impostor: str) -> None:
    with (
        Client(f"https://{impostor}", {"Authorization": "Key sesame"}, system="Datafold") as client,
        pytest.raises(UnreachableError, match="certificate verify failed"),
    ):
        client.request("POST", "/", json={"secret": 1})
    assert Handler.taken == 0


def test_a_channel_with_an_unknown_certificate_gets_no_message(impostor: str) -> None:
    channel = Channel.model_validate({"id": "team", "url": f"jsons://{impostor}/hook"})
    with pytest.raises(DeliveryError):
        send_message(channel, MESSAGE)
    assert Handler.taken == 0


@pytest.mark.parametrize("parameter", ["verify=no", "a=b&verify=False", "Verify=0", "verify="])
def test_verification_cannot_be_turned_off_in_a_channels_url(parameter: str, tmp_path: Path) -> None:
    attributes = {"alerts": {"channels": [{"id": "team", "url": "{{ env.TEAM_URL }}"}]}}
    environment = {"TEAM_URL": f"jsons://ann:sesame@hooks.example/x?{parameter}"}
    with pytest.raises(SpecError, match="certificates are always verified") as caught:
        project_from_attributes(attributes, source="alerts.yaml", base_dir=tmp_path, environment=environment)
    assert "sesame" not in str(caught.value)


def test_a_connection_keeps_the_sslmode_that_is_declared(tmp_path: Path) -> None:
    from observe_dagster.warehouse.postgres.session import dsn_of

    url = "postgresql://ann@db.example/shop?sslmode=verify-full&sslrootcert=system"
    declared = (
        {"config": {"url": url}},
        {"config": {"host": "db", "database": "d", "user": "u", "sslmode": "verify-ca"}},
    )
    attributes = {
        "connections": [
            {"id": f"c{number}", "name": "C", "service_provider": "postgres", **config}
            for number, config in enumerate(declared)
        ]
    }
    project = project_from_attributes(attributes, source="c.yaml", base_dir=tmp_path, environment={})
    found = [psycopg.conninfo.conninfo_to_dict(dsn_of(each, writes=False)) for each in project.connections]
    assert [each["sslmode"] for each in found] == ["verify-full", "verify-ca"]
    assert found[0]["sslrootcert"] == "system"


def test_nothing_in_the_package_asks_for_unverified_connections() -> None:
    import observe_dagster

    sources = "\n".join(path.read_text() for path in Path(observe_dagster.__file__).parent.rglob("*.py"))
    assert "verify=False" not in sources
    assert "CERT_NONE" not in sources
    assert "_create_unverified_context" not in sources
