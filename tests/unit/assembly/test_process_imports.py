"""What each process loads when it starts: what it must not know, and what would cost memory.

A process imports heavy libraries when it first needs them, and never the packages of another role.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

HEAVY = (
    "aiohttp",
    "cel_expr_python",
    "cryptography",
    "google",
    "greenlet",
    "grpc",
    "pyroute2",
    "re2",
    "rich",
    "yaml",
)
SERVER = ("grappe.apiserver", "grappe.controllers", "grappe.scheduler", "grappe.store")
NODE = ("grappe.network", "grappe.node")
PLATFORM = ("grappe.delivery",)
NO_SERVICE = ("grappe.cli", "grappe.testing", "click", "hypothesis", "pytest")

_LIST = (
    "import importlib, sys\nfor m in sys.argv[1:]: importlib.import_module(m)\nprint(*sys.modules)"
)


def loaded(modules: Sequence[str]) -> set[str]:
    """Every module of a fresh interpreter that has imported these."""
    run = subprocess.run(
        [sys.executable, "-c", _LIST, *modules], capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


@pytest.mark.parametrize(
    ("modules", "forbidden"),
    [
        (
            (
                "grappe.assembly.server",
                "grappe.controllers.runner",
                "grappe.scheduler.loop",
            ),
            (*HEAVY, *NO_SERVICE, *NODE, *PLATFORM, "dnslib"),
        ),
        (
            (
                "grappe.assembly.node",
                "grappe.node.agent",
                "grappe.node.runtime.containerd.runtime",
                "grappe.network.agent",
                "grappe.network.cni",
            ),
            (*HEAVY, *NO_SERVICE, *SERVER, *PLATFORM, "sqlite3"),
        ),
        (
            (
                "grappe.assembly.node",
                "grappe.node.agent",
                "grappe.node.runtime.simulated.runtime",
            ),
            (*HEAVY, *NO_SERVICE, *SERVER, *PLATFORM, "sqlite3", "grappe.network"),
        ),
        (
            ("grappe.assembly.platform", "grappe.delivery.controller"),
            (*HEAVY, *NO_SERVICE, *SERVER, *NODE, "sqlite3"),
        ),
        (
            ("grappe.assembly.supervisor",),
            (*HEAVY, *NO_SERVICE, *SERVER, *NODE, *PLATFORM, "sqlite3", "orjson", "grappe.api"),
        ),
        (
            ("grappe.cli",),
            (*HEAVY, *SERVER, *NODE, *PLATFORM, "sqlite3", "asyncio", "grappe.api"),
        ),
    ],
    ids=["server", "node", "simulated nodes", "platform", "supervisor", "command line"],
)
def test_a_process_loads_nothing_that_is_not_its_own(
    modules: Sequence[str], forbidden: Sequence[str]
) -> None:
    found = loaded(modules)
    assert found >= set(modules)
    assert found & set(forbidden) == set()


_START = """\
import asyncio, sys
from pathlib import Path
from grappe.apiserver.server import STORE_INDEXES, ApiServer
from grappe.base.clock import SystemClock
from grappe.base.config import ClusterConfig
from grappe.store.memory import MemoryStore

async def start():
    config = ClusterConfig("x", Path(sys.argv[1]), 6443, simulate=1)
    api = ApiServer(config, MemoryStore(STORE_INDEXES), SystemClock())
    await api.start()
    print(*sys.modules)
    await api.stop()

asyncio.run(start())
"""


def test_a_server_starts_without_what_only_some_clusters_need(tmp_path: Path) -> None:
    """Files that are not there, expressions nobody wrote, kinds nobody made: they cost nothing."""
    run = subprocess.run(
        [sys.executable, "-c", _START, str(tmp_path)], capture_output=True, text=True, check=True
    )
    found = set(run.stdout.split())
    assert "grappe.api.validation.rbac" in found
    rarely = {"yaml", "zoneinfo", "jwt", "grappe.api.cel.library"}
    assert found & (rarely | {f"grappe.api.validation.{m}" for m in ("devices", "pods")}) == set()
