"""A server as a child: it is announced, signals reach it, and nothing is left behind."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from observe_dagster.cli.processes import ServerStoppedError, free_port, run_server
from observe_dagster.errors import ObserveError

SERVE = """
import os, sys
from observe_dagster.cli.processes import run_server

port = sys.argv[1]
command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", port]
url = f"http://127.0.0.1:{port}/"
sys.exit(run_server(command, os.environ, answers_at=url, announce=lambda: print("ready", flush=True)))
"""

STUBBORN = """
import http.server, signal, sys

signal.signal(signal.SIGINT, signal.SIG_IGN)
address = ("127.0.0.1", int(sys.argv[1]))
http.server.HTTPServer(address, http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def _start(script, port, **options):
    return subprocess.Popen(
        [sys.executable, "-c", script, str(port)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def _is_listening(port):
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2).close()
    except urllib.error.URLError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_child_and_becomes_the_exit_code(number, tmp_path):
    port = free_port("127.0.0.1", 0)
    with _start(SERVE, port, cwd=tmp_path) as parent:
        assert parent.stdout.readline() == "ready\n"
        parent.send_signal(number)
        assert parent.wait(timeout=30) == 128 + number
    assert not _is_listening(port)


def test_a_server_started_in_the_background_of_a_shell_can_still_be_interrupted(tmp_path):
    port = free_port("127.0.0.1", 0)
    ignore = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    with _start(ignore + SERVE, port, cwd=tmp_path) as parent:
        assert parent.stdout.readline() == "ready\n"
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(timeout=30) == 128 + signal.SIGTERM
    assert not _is_listening(port)


def test_a_second_signal_ends_a_child_that_does_not_listen_to_the_first(tmp_path):
    port = free_port("127.0.0.1", 0)
    stubborn = tmp_path / "stubborn.py"
    stubborn.write_text(STUBBORN)
    script = SERVE.replace('"-m", "http.server", "--bind", "127.0.0.1", port', f'"{stubborn}", port')
    with _start(script, port, cwd=tmp_path) as parent:
        assert parent.stdout.readline() == "ready\n"
        parent.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            parent.wait(timeout=1)
        parent.send_signal(signal.SIGINT)
        assert parent.wait(timeout=30) == 128 + signal.SIGINT
    assert not _is_listening(port)


def test_a_child_that_ends_by_itself_is_an_error_with_its_exit_code():
    with pytest.raises(ServerStoppedError, match="exit code 3"):
        run_server(
            [sys.executable, "-c", "raise SystemExit(3)"], os.environ, answers_at="http://127.0.0.1:9/", announce=print
        )


def test_a_port_in_use_is_named_before_anything_starts():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ObserveError, match=rf"127.0.0.1:{port} .*choose another --port"):
            free_port("127.0.0.1", port)
