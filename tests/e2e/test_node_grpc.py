"""gRPC probes of a real container with a health server in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from grappe.api import Object
from grappe.api.resources import EVENTS
from grappe.node.runtime.containerd.images import load_image
from grappe.node.runtime.containerd.oci import File
from tests.e2e.clients.go_builds import FIRST_BUILD, built
from tests.e2e.node_images import busybox_tar
from tests.e2e.node_lab import RealLab, ready

pytestmark = [
    pytest.mark.root,
    pytest.mark.xdist_group("containerd"),
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("containerd") is None, reason="needs root and containerd"
    ),
    FIRST_BUILD,
]

IMAGE = "localhost/test/grpchealth:1"


@pytest.fixture(scope="module")
def lab() -> Iterator[RealLab]:
    program = built("grpchealth", "build", "-tags", "netgo,osusergo", "-ldflags", "-s -w")
    image = busybox_tar(IMAGE, more={"bin/grpchealth": File(program.read_bytes())})
    with RealLab() as made:
        archive = made.directory / "grpchealth.tar"
        archive.write_bytes(image)
        assert made.run(load_image(made.runtime.paths, archive)) == [IMAGE]
        yield made


def probe(service: str = "", port: int = 50051, patience: int = 10) -> Object:
    asked = {"port": port, "service": service}
    return {"grpc": asked, "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": patience}


async def create(lab: RealLab, name: str, **probes: Object) -> None:
    container = {"image": IMAGE, "command": ["grpchealth"], **probes}
    await lab.create(name, container=container)


async def unhealthy(lab: RealLab, name: str) -> list[str]:
    listed = await lab.client.list(
        EVENTS, "default", field_selector=f"involvedObject.name={name},reason=Unhealthy"
    )
    return [event["message"] for event in listed.items]


def restarts(pod: Object) -> int:
    [status] = pod["status"].get("containerStatuses") or [{}]
    return int(status.get("restartCount", 0))


def test_a_pod_is_ready_while_its_server_says_serving(lab: RealLab) -> None:
    async def check() -> None:
        await create(lab, "app", startupProbe=probe(), readinessProbe=probe("app"))
        await lab.until("app", ready)
        await lab.kubectl("exec", "app", "--", "touch", "/tmp/down")
        await lab.until("app", lambda pod: not ready(pod))
        message = 'Readiness probe failed: service unhealthy (responded with "NOT_SERVING")'
        assert message in await unhealthy(lab, "app")
        await lab.kubectl("exec", "app", "--", "rm", "/tmp/down")
        pod = await lab.until("app", ready)
        assert restarts(pod) == 0
        await lab.delete("app")

    lab.run(check())


@pytest.mark.parametrize(
    ("name", "asked", "message"),
    [
        (
            "stranger",
            probe("other"),
            "error: health rpc probe failed: rpc error: code = NotFound desc = unknown service",
        ),
        ("deaf", probe(port=50052, patience=1), "timeout: failed to connect service "),
    ],
)
def test_a_liveness_probe_that_fails_restarts_it(
    lab: RealLab, name: str, asked: Object, message: str
) -> None:
    async def check() -> None:
        await create(lab, name, livenessProbe=asked)
        await lab.until(name, restarts)
        told = await unhealthy(lab, name)
        assert any(line.startswith(f"Liveness probe failed: {message}") for line in told), told
        await lab.delete(name)

    lab.run(check())
