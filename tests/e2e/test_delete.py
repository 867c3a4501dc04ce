"""`grappe delete` leaves the machine as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from grappe.testing.host_snapshot import diff, snapshot
from tests.e2e.conftest import Grappe, needs_root
from tests.e2e.images import busybox_archive

IMAGE = "localhost/busybox:delete"
POD = f"""
apiVersion: v1
kind: Pod
metadata: {{name: busy}}
spec:
  containers:
    - name: busy
      image: {IMAGE}
      command: [sleep, "3600"]
      resources: {{limits: {{memory: 32Mi, cpu: 100m}}}}
      volumeMounts: [{{name: scratch, mountPath: /scratch}}]
  volumes: [{{name: scratch, emptyDir: {{medium: Memory}}}}]
"""


@needs_root
@pytest.mark.root
@pytest.mark.xdist_group("containerd")
@pytest.mark.parametrize("how", ["while it runs", "after down"])
def test_delete_leaves_nothing(grappe: Grappe, tmp_path: Path, how: str) -> None:
    data = tmp_path / "data"
    folders = [Path("/var/lib/grappe"), Path("/run/netns"), data]
    before = snapshot(folders)
    grappe("up", "--port", "0", "--data-dir", str(data))
    grappe("image", "load", str(busybox_archive(tmp_path / "b.tar", IMAGE)))
    grappe.kubectl("apply", "-f", "-", stdin=POD)
    grappe.kubectl("wait", "--for=condition=Ready", "pod/busy", "--timeout=60s")
    config = grappe.config
    if how == "after down":
        grappe("down")
    grappe("delete", "--yes")
    assert not data.exists()
    # Other tests make and remove things at the same time: only what bears our marks counts.
    marks = [grappe.name, str(data), f"grappe{config.slot}h", config.pod_cidr, config.host_ip]
    left = diff(before, snapshot(folders)).belonging_to(marks)
    assert not left, str(left)
