"""Images that come from a registry: a real containerd pulls from one of our own."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from grappe.api import Object
from grappe.api.resources import EVENTS, SECRETS
from tests.e2e.node_images import busybox_tar
from tests.e2e.node_lab import RealLab, ready
from tests.e2e.oci_registry import Registry

pytestmark = [
    pytest.mark.root,
    pytest.mark.xdist_group("containerd"),
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("containerd") is None, reason="needs root and containerd"
    ),
]

REPOSITORY, TAG = "team/app", "1"


@pytest.fixture(scope="module")
def lab() -> Iterator[RealLab]:
    with RealLab() as made:
        yield made


@asynccontextmanager
async def registry(user: str = "", password: str = "") -> AsyncIterator[tuple[Registry, str]]:
    """A registry and the reference of its image."""
    made = Registry(busybox_tar("x", user="web"), REPOSITORY, TAG, user=user, password=password)
    address = await made.start()
    try:
        yield made, f"{address}/{REPOSITORY}:{TAG}"
    finally:
        await made.close()


def waits(pod: Object) -> tuple[str, str]:
    """(reason, message) of what its container waits for."""
    [status] = (pod.get("status") or {}).get("containerStatuses") or [{}]
    waiting = status.get("state", {}).get("waiting", {})
    return waiting.get("reason", ""), waiting.get("message", "")


async def told(lab: RealLab, name: str) -> list[str]:
    listed = await lab.client.list(EVENTS, "default", field_selector=f"involvedObject.name={name}")
    return [f"{e['type']} {e['reason']}: {e['message']}" for e in listed.items]


async def secret(lab: RealLab, name: str, address: str, password: str) -> None:
    auth = base64.b64encode(f"jane:{password}".encode()).decode()
    config = json.dumps({"auths": {address: {"auth": auth}}}).encode()
    await lab.client.create(
        SECRETS,
        {
            "metadata": {"name": name, "namespace": "default"},
            "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": base64.b64encode(config).decode()},
        },
    )


def test_an_image_is_pulled_and_runs(lab: RealLab) -> None:
    async def check() -> None:
        async with registry() as (made, image):
            await lab.create("pulled", container={"image": image})
            pod = await lab.until("pulled", ready)
            [status] = pod["status"]["containerStatuses"]
            assert status["image"] == image
            assert "@sha256:" in status["imageID"]
            assert any("/blobs/sha256:" in path for path, _ in made.asked)
            events = await told(lab, "pulled")
            assert f'Normal Pulling: Pulling image "{image}"' in events
            assert any(e.startswith(f'Normal Pulled: Successfully pulled image "{image}"')
                       for e in events)  # fmt: skip
            await lab.delete("pulled")

    lab.run(check())


def test_a_registry_that_wants_a_password_gets_the_pods(lab: RealLab) -> None:
    async def check() -> None:
        async with registry("jane", "s3cret-word") as (made, image):
            address = image.partition("/")[0]
            await secret(lab, "right", address, "s3cret-word")
            await secret(lab, "wrong", address, "guessed-word")
            for name, secrets in (("nobody", []), ("guessing", ["wrong"])):
                await lab.create(
                    name,
                    container={"image": image},
                    imagePullSecrets=[{"name": each} for each in secrets],
                )
                pod = await lab.until(name, lambda p: waits(p)[0] == "ErrImagePull")
                assert "401" in waits(pod)[1] or "authorization failed" in waits(pod)[1]
                pod = await lab.until(name, lambda p: waits(p)[0] == "ImagePullBackOff")
                assert waits(pod)[1].startswith(f'Back-off pulling image "{image}": ErrImagePull: ')
            await lab.create(
                "jane", container={"image": image}, imagePullSecrets=[{"name": "right"}]
            )
            await lab.until("jane", ready)
            assert {status for _, status in made.asked} == {200, 401}
            events = [line for name in ("nobody", "guessing", "jane") for line in
                      await told(lab, name)]  # fmt: skip
            assert "s3cret-word" not in str(events)
            assert "guessed-word" not in str(events)
            assert "Warning Failed: Error: ErrImagePull" in events
            assert "Warning Failed: Error: ImagePullBackOff" in events
            for name in ("nobody", "guessing", "jane"):
                await lab.delete(name)

    lab.run(check())


def test_a_tag_that_is_not_there_is_said(lab: RealLab) -> None:
    async def check() -> None:
        async with registry() as (_, image):
            absent = image.replace(f":{TAG}", ":2")
            await lab.create("absent", container={"image": absent})
            pod = await lab.until("absent", lambda p: waits(p)[0] == "ErrImagePull")
            assert "not found" in waits(pod)[1]
            await lab.until("absent", lambda p: waits(p)[0] == "ImagePullBackOff")
            assert any(
                e.startswith(f'Warning Failed: Failed to pull image "{absent}": ')
                for e in await told(lab, "absent")
            )
            await lab.delete("absent")

    lab.run(check())
