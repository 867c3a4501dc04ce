"""The README's command, on real containers."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Grappe, needs_root


@needs_root
@pytest.mark.root
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("containerd")
def test_demo_tells_the_whole_story(grappe: Grappe) -> None:
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
