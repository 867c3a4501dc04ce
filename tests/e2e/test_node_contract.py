"""containerd keeps the contract of runtimes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from grappe.node.runtime.containerd import ContainerdRuntime
from grappe.testing import runtime_suite as suite
from tests.e2e.node_images import BUSYBOX
from tests.e2e.node_lab import RealLab

pytestmark = [
    pytest.mark.root,
    pytest.mark.xdist_group("containerd"),
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("containerd") is None, reason="needs root and containerd"
    ),
]


@pytest.fixture(scope="module")
def lab() -> Iterator[RealLab]:
    """Without an agent, which would remove sandboxes that belong to no pod."""
    with RealLab() as made:
        made.run(made.stop_agent())
        made.runtime = ContainerdRuntime(made.node_directory)
        made.run(made.runtime.start())
        yield made
        made.run(made.runtime.close())


@pytest.mark.parametrize("check", suite.CHECKS, ids=lambda check: check.__name__)
def test_containerd_keeps_the_runtime_contract(lab: RealLab, check, tmp_path: Path) -> None:
    given = suite.Given(
        lab.runtime,
        BUSYBOX,
        tmp_path,
        forever=("sh", "-c", "trap 'exit 143' TERM; while true; do sleep 0.05; done"),
        ending=("sh", "-c", "echo hello; exit 3"),
    )
    lab.run(check(given))
