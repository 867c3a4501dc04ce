"""How soon watchers hear of what is created."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time

from bench import load
from bench.cluster import ServerProcess
from bench.figures import Figure
from grappe.api import resources
from grappe.client import connect


def watch(
    server: ServerProcess,
    token: str,
    seconds: int,
    *,
    watchers: int,
    per_second: float,
    sampled: int = 1,
    within_ms: float | None = None,
    target: str = "",
) -> Figure:
    """Creates at a steady pace, seen by many watchers of the resource. One in `sampled` is
    looked into; the others' bytes are taken off their sockets as they are."""
    secret = server.directory / "bench-token"
    secret.write_text(token)
    label = load.unique()  # or they would hear first of what others were told
    command = [
        *(sys.executable, "-m", "bench.watchers", str(server.config.port)),
        *(str(secret), label, str(watchers), str(sampled)),
    ]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    if process.stdout.readline() != b"watching\n":
        raise RuntimeError("the watchers did not begin")
    cpu = load.cpu_seconds(server.pid)
    created = asyncio.run(_create_stamped(server, label, seconds, per_second))
    found = json.loads(process.communicate(f"{created}\n".encode())[0])
    spent = load.cpu_seconds(server.pid) - cpu
    expected = created * len(range(0, watchers, sampled))
    if found["events"] != expected or found["silent"]:
        raise RuntimeError(f"{found} arrived, of {expected} events")
    return Figure(
        f"watch: {per_second:.0f} creates/s to {watchers:,} watchers",
        f"{created * watchers / seconds:,.0f} events/s  p50 {found['p50_ms']:.1f} ms"
        f"  p99 {found['p99_ms']:.1f} ms",
        spent / (created * watchers) * 1e6,
        target=target,
        met=None if within_ms is None else found["p99_ms"] <= within_ms,
    )


async def _create_stamped(
    server: ServerProcess, label: str, seconds: int, per_second: float
) -> int:
    client = connect(server.config.kubeconfig)
    tasks: list[asyncio.Task[object]] = []
    begun = time.monotonic()
    for i in range(int(seconds * per_second)):
        await asyncio.sleep(max(0.0, begun + i / per_second - time.monotonic()))
        name = f"watched-{time.monotonic_ns()}"
        body = {
            "metadata": {"name": name, "namespace": "default", "labels": {"app": label}},
            "data": {"stamp": repr(time.time())},
        }
        tasks.append(asyncio.create_task(client.create(resources.CONFIG_MAPS, body)))
    await asyncio.gather(*tasks)
    await client.close()
    return len(tasks)
