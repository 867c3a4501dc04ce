"""What `down` and `delete` do to a node: containers and containerd end, then nothing is left."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from grappe.node import cgroups
from grappe.node.cleanup import _shim_sockets, _shims, delete_node, stop_node
from grappe.node.runtime.containerd.daemon import running_pid
from grappe.node.runtime.containerd.runtime import ContainerdRuntime
from grappe.node.volumes.mounts import mount_points
from tests.e2e.node_lab import RealLab, ready

pytestmark = [
    pytest.mark.root,
    pytest.mark.xdist_group("containerd"),
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("containerd") is None, reason="needs root and containerd"
    ),
]


def test_a_stopped_node_keeps_images_and_restarts_its_pods() -> None:
    async def check(lab: RealLab) -> None:
        await lab.create("kept")
        await lab.until("kept", ready)
        await lab.stop_agent()
        paths = lab.runtime.paths
        await asyncio.to_thread(stop_node, lab.settings, 1.0)
        assert running_pid(paths) is None
        assert _shims(paths) == set()
        assert cgroups.processes(lab.settings.cgroup_root) == set()
        lab.start_agent()
        pod = await lab.until(
            "kept", lambda p: ready(p) and p["status"]["containerStatuses"][0]["restartCount"]
        )
        assert pod["status"]["containerStatuses"][0]["restartCount"] == 1

    with RealLab() as lab:
        lab.run(check(lab))


@pytest.mark.parametrize("containerd", ["running", "killed"])
def test_a_deleted_node_leaves_nothing(containerd: str) -> None:
    def groups(lab: RealLab) -> list[Path]:
        roots = set(cgroups.hierarchies().values())
        return [p for p in (r / lab.settings.cgroup_root.lstrip("/") for r in roots) if p.exists()]

    async def check(lab: RealLab) -> None:
        memory = [{"name": "m", "emptyDir": {"medium": "Memory"}}]
        await lab.create("pod", volumes=memory)
        await lab.until("pod", ready)
        await lab.stop_agent()
        paths = lab.runtime.paths
        assert mount_points(lab.node_directory)
        assert groups(lab)
        sockets = _shim_sockets(paths)
        assert sockets
        assert all(socket.is_socket() for socket in sockets)
        if containerd == "killed":
            pid = running_pid(paths)
            assert pid is not None
            os.kill(pid, 9)
        told: list[str] = []
        await asyncio.to_thread(delete_node, lab.settings, told.append)
        assert told == ["ending 1 pods", "removing images and volumes"]
        assert not any(socket.exists() for socket in sockets)
        assert running_pid(paths) is None
        assert _shims(paths) == set()
        assert mount_points(lab.node_directory) == []
        assert groups(lab) == []
        assert not lab.node_directory.exists()
        assert not paths.run_directory.exists()

    with RealLab() as lab:
        lab.run(check(lab))


def test_a_deleted_node_gives_no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pods that will not end by themselves take no longer than others, however many they are."""

    async def check(lab: RealLab) -> None:
        names = [f"deaf-{number}" for number in range(4)]
        for name in names:
            await lab.create(name, "trap '' TERM; sleep 3600")
        for name in names:
            await lab.until(name, ready)
        await lab.stop_agent()

        async def asked(_self: ContainerdRuntime) -> None:
            raise AssertionError("nothing of a deleted node is stopped one by one")

        monkeypatch.setattr(ContainerdRuntime, "connect", asked)
        await asyncio.to_thread(delete_node, lab.settings)
        assert _shims(lab.runtime.paths) == set()
        assert cgroups.processes(lab.settings.cgroup_root) == set()

    with RealLab() as lab:
        lab.run(check(lab))
