"""Run the measurements and print them: `python -m bench [--seconds N] [--json FILE]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import load
from bench.cluster import ServerProcess
from bench.figures import Figure, show
from grappe.api import resources
from grappe.client import connect

TARGETS = {"GET one ConfigMap": 0.25, "create ConfigMap, durable": 0.07}
"""Shares of the calibrator's rate that must be reached."""


@dataclass(frozen=True)
class Round:
    """A load and the yardstick taken right before it, so that both met the same machine."""

    found: load.Load
    yardstick: load.Load

    @property
    def share(self) -> float:
        return self.found.per_second / self.yardstick.per_second


def rate(name: str, rounds: list[Round]) -> Figure:
    """The middle one of several rounds."""
    for r in rounds:
        if r.found.refused:
            raise RuntimeError(f"{name}: {r.found.refused} requests were refused")
    middle = sorted(rounds, key=lambda r: r.share)[len(rounds) // 2]
    found, share = middle.found, middle.share
    target = TARGETS.get(name)
    return Figure(
        name,
        f"{found.per_second:,.0f}/s  p50 {found.p50:.2f} ms  p99 {found.p99:.2f} ms",
        found.cpu_us,
        share,
        f"≥ {target:.0%}" if target else "",
        share >= target if target else None,
    )


class Calibrator:
    """The bare responder, running beside the server."""

    def __init__(self, directory: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.calibrator", str(directory)], stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self._url = f"https://127.0.0.1:{int(self._process.stdout.readline())}/"

    def load(self, seconds: int, connections: int) -> load.Load:
        return load.run(
            self._url,
            pid=self._process.pid,
            seconds=seconds,
            connections=connections,
            token="x" * 900,
        )

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


def ready(server: ServerProcess) -> str:
    return f"{server.ready_seconds:.2f} s, {server.ready_cpu_seconds:.2f} s of CPU"


def measure(directory: Path, seconds: int, rounds: int) -> list[Figure]:
    first = ServerProcess(directory)
    first.stop()
    server = ServerProcess(directory)
    try:
        return [
            Figure(
                "API ready, new cluster", ready(first), target="< 1 s", met=first.ready_seconds < 1
            ),
            Figure("API ready, again", ready(server)),
            *measure_running(server, seconds, rounds),
        ]
    finally:
        server.stop()


def measure_running(server: ServerProcess, seconds: int, rounds: int) -> list[Figure]:
    token = server.token()
    cpu, begun = load.cpu_seconds(server.pid), time.monotonic()
    time.sleep(seconds)
    idle = (load.cpu_seconds(server.pid) - cpu) / (time.monotonic() - begun)
    figures = [
        Figure("server idle, resident", f"{server.memory() / 2**20:.0f} MiB"),
        Figure("server idle, of a core", f"{idle:.1%}"),
    ]
    asyncio.run(_prepare(server, 500))
    collection = f"{server.url}/api/v1/namespaces/default/configmaps"
    calibrator = Calibrator(server.directory)

    def measured(url: str, connections: int = 16, script: str = "") -> list[Round]:
        found = []
        for number in range(rounds):
            yardstick = calibrator.load(seconds, connections)
            result = load.run(
                url,
                pid=server.pid,
                seconds=seconds,
                token=token,
                connections=connections,
                script=script.replace("ROUND", str(number)),
            )
            found.append(Round(result, yardstick))
        return found

    try:
        get = measured(f"{collection}/list-0")
        few = measured(collection, 4)
        fan_out = watch(server, token, max(3, seconds), watchers=100, per_second=200)
        create = measured(collection, script=load.CREATE)
        page = measured(f"{collection}?limit=500", 4)
    finally:
        calibrator.stop()
    count = asyncio.run(_count(server))
    return [
        *figures,
        rate("calibrator", [Round(r.yardstick, r.yardstick) for r in get]),
        rate("GET one ConfigMap", get),
        rate("LIST 500 ConfigMaps", few),
        rate("create ConfigMap, durable", create),
        rate("LIST page of 500 among all", page),
        fan_out,
        Figure(f"server with {count:,} ConfigMaps, resident", f"{server.memory() / 2**20:.0f} MiB"),
    ]


async def _prepare(server: ServerProcess, count: int) -> None:
    """ConfigMaps to list and get, of about 1 KB."""
    client = connect(server.config.kubeconfig)
    for i in range(count):
        await client.create(
            resources.CONFIG_MAPS,
            {
                "metadata": {"name": f"list-{i}", "namespace": "default", "labels": {"app": "l"}},
                "data": {"k": "v" * 600},
            },
        )
    await client.close()


async def _count(server: ServerProcess) -> int:
    client = connect(server.config.kubeconfig)
    page = await client.list(resources.CONFIG_MAPS, limit=1)
    answer = await client.raw("GET", "/api/v1/configmaps", {"limit": "1"})
    await client.close()
    remaining = json.loads(answer.body)["metadata"].get("remainingItemCount", 0)
    return len(page.items) + int(remaining)


def watch(
    server: ServerProcess, token: str, seconds: int, *, watchers: int, per_second: int
) -> Figure:
    """Creates at a steady pace, seen by many watchers of the resource."""
    secret = server.directory / "bench-token"
    secret.write_text(token)
    command = [
        *(sys.executable, "-m", "bench.watchers", str(server.config.port)),
        *(str(secret), str(watchers), str(seconds + 1)),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    if process.stdout.readline() != b"watching\n":
        raise RuntimeError("the watchers did not begin")
    cpu = load.cpu_seconds(server.pid)
    created = asyncio.run(_create_stamped(server, seconds, per_second))
    spent = load.cpu_seconds(server.pid) - cpu
    found = json.loads(process.communicate()[0])
    if found["events"] != created * watchers:
        raise RuntimeError(f"{found['events']} events arrived of {created * watchers}")
    return Figure(
        f"watch: {per_second} creates/s to {watchers} watchers",
        f"{found['events'] / seconds:,.0f} events/s  p50 {found['p50_ms']:.1f} ms"
        f"  p99 {found['p99_ms']:.1f} ms",
        spent / found["events"] * 1e6,
    )


async def _create_stamped(server: ServerProcess, seconds: int, per_second: int) -> int:
    client = connect(server.config.kubeconfig)
    tasks: list[asyncio.Task[object]] = []
    begun = time.monotonic()
    for i in range(seconds * per_second):
        await asyncio.sleep(max(0.0, begun + i / per_second - time.monotonic()))
        name = f"watched-{time.monotonic_ns()}"
        body = {
            "metadata": {"name": name, "namespace": "default", "labels": {"app": "watch"}},
            "data": {"stamp": repr(time.time())},
        }
        tasks.append(asyncio.create_task(client.create(resources.CONFIG_MAPS, body)))
    await asyncio.gather(*tasks)
    await client.close()
    return len(tasks)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--seconds", type=int, default=2, help="of load in each round")
    parser.add_argument("--rounds", type=int, default=5, help="the middle one counts")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        print("bench needs wrk: apt-get install wrk", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="grappe-bench-") as directory:
        figures = measure(Path(directory) / "data", options.seconds, options.rounds)
    show(figures)
    if options.json:
        options.json.write_text(json.dumps([asdict(f) for f in figures], indent=2) + "\n")
    return 1 if any(f.met is False for f in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
