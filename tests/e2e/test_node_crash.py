"""kill -9 of the agent and of containerd at any moment: each pod ends up running exactly once."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from grappe.node.runtime.containerd.daemon import running_pid
from grappe.node.runtime.interface import Unavailable
from tests.e2e.node_lab import RealLab, ready
from tests.e2e.node_process import arguments

pytestmark = [
    pytest.mark.root,
    pytest.mark.crash,
    pytest.mark.xdist_group("containerd"),
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("containerd") is None, reason="needs root and containerd"
    ),
]

_REPOSITORY = Path(__file__).parents[2]


@asynccontextmanager
async def running_agent(lab: RealLab) -> AsyncIterator[None]:
    """An agent in a process of its own, ended by SIGKILL."""
    with (lab.directory / "agent.log").open("ab") as log:
        agent = await asyncio.create_subprocess_exec(
            *arguments(lab.settings, lab.kubeconfig), cwd=_REPOSITORY, stdout=log, stderr=log
        )
        try:
            yield
        finally:
            agent.kill()
            await agent.wait()


@pytest.mark.parametrize("victim", ["agent", "agent and containerd"])
def test_pods_run_exactly_once_whenever_something_is_killed(victim: str) -> None:
    async def check(lab: RealLab) -> None:
        await lab.stop_agent()
        chance = random.Random(victim)
        names = [f"crash-{number}" for number in range(8)]
        for name in names:
            await lab.create(name)
        for _ in range(5):
            # From a process that only begins to one that has started everything.
            async with running_agent(lab):
                await asyncio.sleep(chance.uniform(0.3, 1.8))
            pid = running_pid(lab.runtime.paths)
            if victim != "agent" and pid is not None:
                os.kill(pid, signal.SIGKILL)
        async with running_agent(lab):
            for name in names:
                pod = await lab.until(name, ready, timeout=60)
                (container,) = pod["status"]["containerStatuses"]
                # A start that the kill cuts off fails without having run; it is tried again.
                last = container["lastState"].get("terminated", {})
                # With containerd killed in the middle of it, its end is unknown; it never began.
                cut_off = last.get("reason") == "StartError" or (
                    victim != "agent"
                    and last.get("reason") == "Unknown"
                    and "startedAt" not in last
                )
                assert not container["restartCount"] or cut_off, last
            await lab.runtime.connect()
            async with asyncio.timeout(30):  # a killed containerd is only just coming back
                while True:
                    try:
                        containers = await lab.runtime.list_containers()
                    except Unavailable:
                        await asyncio.sleep(0.05)
                    else:
                        break
            running = [c for c in containers if c.state == "running"]
            sandboxes = [s for s in await lab.runtime.list_sandboxes() if s.ready]
            await lab.runtime.close()
        assert len(running) == len(sandboxes) == len(names)

    with RealLab() as lab:
        lab.run(check(lab))
