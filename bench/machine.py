"""A whole cluster on this machine, as a user starts it: `python -m bench.machine`.

How soon it is there, how much it takes when nobody asks anything of it, and how soon a pod runs.
Needs root and containerd. Times are of the whole machine, so measure on a quiet one; a slower one
is allowed as many times more as the calibrator takes more, which is asked right after the start.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import load
from bench.figures import Figure, show
from bench.targets import IDLE_RESIDENT, IDLE_SHARE, POD_SECONDS, UP_API_SECONDS, UP_NODE_SECONDS
from bench.yardstick import Calibrator, slowness_figure
from grappe.api.resources import PODS
from grappe.assembly import cluster, probe, supervisor
from grappe.assembly.node import load_image
from grappe.base.config import ClusterConfig
from grappe.client import connect
from tests.e2e.images import busybox_archive

IMAGE = "localhost/busybox:bench"
PROCESSES = ("server", "node", "platform")
SETTLE_SECONDS = 5.0
IDLE_SECONDS = 20.0
ROUNDS = 7


def _wait(condition: object, deadline: float = 30.0) -> float:
    begun = time.monotonic()
    assert callable(condition)
    while not condition():
        if time.monotonic() - begun > deadline:
            raise RuntimeError("the cluster did not come up")
        time.sleep(0.005)
    return time.monotonic()


def start(name: str, data_dir: Path) -> tuple[ClusterConfig, float, list[Figure]]:
    """`grappe up` from nothing: until the API is ready, until the node is. With the cluster comes
    how many times slower than the quiet machine this one is."""
    environment = {**os.environ, "KUBECONFIG": str(data_dir.parent / "kubeconfig")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as the launcher does
    begun = time.monotonic()
    up = subprocess.Popen(
        [sys.executable, "-m", "grappe.cli", "up", "-c", name, "--port", "0"]
        + ["--data-dir", str(data_dir)],
        stdout=subprocess.DEVNULL,
        env=environment,
    )
    _wait(lambda: cluster.exists(name))
    config = cluster.load(name)
    api = _wait(lambda: probe.api_ready(config)) - begun
    node = _wait(lambda: any(probe.ready_nodes(config).values())) - begun
    up.wait()
    with Calibrator(data_dir) as calibrator:
        slowness = calibrator.slowness()
    return (
        config,
        slowness,
        [
            slowness_figure(slowness),
            _timed("up: API ready", f"{api:.2f} s", api, UP_API_SECONDS * slowness),
            _timed("up: node Ready", f"{node:.2f} s", node, UP_NODE_SECONDS * slowness),
        ],
    )


def _timed(name: str, told: str, seconds: float, allowed: float) -> Figure:
    return Figure(name, told, target=f"< {allowed:.1f} s", met=seconds < allowed)


def idle(config: ClusterConfig) -> list[Figure]:
    """Memory and processor time of the three processes when nothing is asked of them."""
    time.sleep(SETTLE_SECONDS)
    found = {role: supervisor.running(config, role) for role in PROCESSES}
    pids = {role: process.pid for role, process in found.items() if process}
    before = sum(load.cpu_seconds(pid) for pid in pids.values())
    time.sleep(IDLE_SECONDS)
    share = (sum(load.cpu_seconds(pid) for pid in pids.values()) - before) / IDLE_SECONDS
    sizes = {r: process.resident_bytes() / 2**20 for r, process in found.items() if process}
    parts = ", ".join(f"{role} {size:.0f}" for role, size in sizes.items())
    total = sum(sizes.values())
    bound = IDLE_RESIDENT / 2**20
    return [
        Figure(
            "idle: resident",
            f"{total:.0f} MiB ({parts})",
            target=f"< {bound:.0f} MiB",
            met=total < bound,
        ),
        Figure(
            "idle: of a core", f"{share:.2%}", target=f"< {IDLE_SHARE:.0%}", met=share < IDLE_SHARE
        ),
    ]


async def first_pods(config: ClusterConfig, slowness: float) -> Figure:
    """From the request that creates a pod until it is Ready, the image being there."""
    client = connect(config.kubeconfig)
    took = []
    for number in range(ROUNDS):
        name = f"first-{number}"
        container = {"name": "c", "image": IMAGE, "command": ["sleep", "600"]}
        spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
        page = await client.list(PODS, "default")
        begun = time.monotonic()
        await client.create(
            PODS, {"metadata": {"name": name, "namespace": "default"}, "spec": spec}
        )
        async for event in client.watch(
            PODS,
            "default",
            resource_version=page.resource_version,
            field_selector=f"metadata.name={name}",
        ):
            conditions = event.object.get("status", {}).get("conditions") or []
            if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
                break
        took.append(time.monotonic() - begun)
        await client.delete(PODS, name, "default")
    await client.close()
    middle = statistics.median(took)
    value = f"{middle:.2f} s (first {took[0]:.2f}, slowest {max(took):.2f})"
    return _timed("pod: apply to Ready", value, middle, POD_SECONDS * slowness)


def main() -> int:
    if os.geteuid() != 0:
        print("bench.machine needs root and containerd", file=sys.stderr)
        return 2
    name = f"bench{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix="grappe-bench-") as scratch:
        folder = Path(scratch)
        try:
            config, slowness, figures = start(name, folder / "data")
            figures += idle(config)
            load_image(config, busybox_archive(folder / "busybox.tar", IMAGE))
            figures.append(asyncio.run(first_pods(config, slowness)))
        finally:
            if cluster.exists(name):
                cluster.delete(cluster.load(name), lambda _: None)
    show(figures)
    return 1 if any(f.met is False for f in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
