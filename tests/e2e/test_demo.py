"""The README's command, on real containers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.e2e.conftest import Grappe, needs_root


class _Answer(BaseHTTPRequestHandler):
    pod = "hello-web-of-another-cluster"

    def do_GET(self) -> None:
        body = f"Hello from grappe (version 1, pod {self.pod})\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Tests say nothing."""


@pytest.fixture
def another_demo() -> Iterator[str]:
    """The demo of another cluster, which came first to the port in the manifests; its pod's name.
    When a true one is there, that one will do."""
    try:
        server = ThreadingHTTPServer(("127.0.0.1", 30080), _Answer)
    except OSError:
        yield _Answer.pod
        return
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield _Answer.pod
    server.shutdown()
    thread.join()
    server.server_close()


@needs_root
@pytest.mark.root
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("containerd")
def test_demo_tells_the_whole_story(grappe: Grappe, another_demo: str) -> None:
    told = grappe("demo", "--cluster", grappe.name, timeout=500)
    assert "cluster IP" in told.stdout
    assert "Hello from grappe (version 1" in told.stdout
    assert " 0 failed" in told.stdout
    assert "Hello again, by git commit (version 2" in told.stdout
    assert "healed from Git" in told.stderr
    applications = grappe.get("applications", "-n", "argocd")
    status = applications["items"][0]["status"]
    assert status["sync"]["status"] == "Synced"
    assert status["health"]["status"] == "Healthy"
    assert len(status["history"]) >= 2
    assert another_demo not in told.stdout
    [port] = grappe.get("service", "hello-web", "-n", "hello")["spec"]["ports"]
    assert port["nodePort"] != 30080
