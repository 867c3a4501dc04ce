"""What `down` and `delete` do to a node: containers and containerd end, then nothing is left."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from grappe.node import cgroups
from grappe.node.cleanup import _shims, delete_node, stop_node
from grappe.node.runtime.containerd.daemon import running_pid
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
        if containerd == "killed":
            pid = running_pid(paths)
            assert pid is not None
            os.kill(pid, 9)
        await asyncio.to_thread(delete_node, lab.settings)
        assert running_pid(paths) is None
        assert _shims(paths) == set()
        assert mount_points(lab.node_directory) == []
        assert groups(lab) == []
        assert not lab.node_directory.exists()
        assert not paths.run_directory.exists()

    with RealLab() as lab:
        lab.run(check(lab))
