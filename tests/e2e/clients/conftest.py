"""One running cluster with simulated nodes for the clients of this folder; each test has a
namespace of its own in it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Grappe, clusters


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grappe]:
    """A cluster with one simulated node: API server, controllers, scheduler, as processes."""
    grappe = Grappe(f"t-{secrets.token_hex(3)}", tmp_path_factory.mktemp("home"))
    try:
        grappe("up", "--simulate", "1", "--port", "0")
        yield grappe
    finally:
        if clusters.exists(grappe.name):
            grappe("delete", "--yes")


@pytest.fixture
def kubeconfig(shared: Grappe) -> Path:
    """The administrator's."""
    return shared.config.kubeconfig


@pytest.fixture
def namespace(shared: Grappe) -> Iterator[str]:
    """A new namespace, deleted afterwards."""
    name = f"n-{secrets.token_hex(3)}"
    shared.kubectl("create", "namespace", name)
    yield name
    shared.kubectl("delete", "namespace", name, "--wait=false")
