"""Run the measurements and print them: `python -m bench [--only PART …] [--json FILE]`."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench import load, mixed, rates, scale
from bench.cluster import ServerProcess
from bench.figures import Figure, show
from bench.targets import START_SECONDS, WATCH_P99_MS, WATCHERS
from bench.watch import watch
from bench.yardstick import Calibrator, slowness_figure

PARTS = ("start", "rates", "watch", "mixed", "scale")


def measure(directory: Path, parts: Sequence[str], seconds: int, rounds: int) -> list[Figure]:
    figures = []
    first = ServerProcess(directory / "data")
    first.stop()
    server = ServerProcess(directory / "data")
    try:
        with Calibrator(server.directory) as calibrator:
            slowness = calibrator.slowness()
            figures.append(slowness_figure(slowness))
            if "start" in parts:
                figures += start(first, server, seconds, slowness)
            figures += measure_running(server, calibrator, parts, seconds, rounds, slowness)
    finally:
        server.stop()
    if "scale" in parts:
        figures += scale.measure(directory / "large")
    return figures


def start(
    first: ServerProcess, server: ServerProcess, seconds: int, slowness: float
) -> list[Figure]:
    """How soon a server is ready, and what it takes when nobody asks anything."""
    cpu, begun = load.cpu_seconds(server.pid), time.monotonic()
    time.sleep(seconds)
    idle = (load.cpu_seconds(server.pid) - cpu) / (time.monotonic() - begun)
    allowed = START_SECONDS * slowness
    return [
        Figure(
            "API ready, new cluster",
            _ready(first),
            target=f"< {allowed:.1f} s of CPU",
            met=first.ready_cpu_seconds < allowed,
        ),
        Figure("API ready, again", _ready(server)),
        Figure("server idle, resident", f"{server.memory() / 2**20:.0f} MiB"),
        Figure("server idle, of a core", f"{idle:.1%}"),
    ]


def _ready(server: ServerProcess) -> str:
    return f"{server.ready_seconds:.2f} s, {server.ready_cpu_seconds:.2f} s of CPU"


def measure_running(
    server: ServerProcess,
    calibrator: Calibrator,
    parts: Sequence[str],
    seconds: int,
    rounds: int,
    slowness: float,
) -> list[Figure]:
    token = server.token()
    figures = []
    if "watch" in parts:
        lasting = max(3, seconds)
        figures.append(watch(server, token, lasting, watchers=100, per_second=200 / slowness))
        within = WATCH_P99_MS * slowness
        figures.append(
            watch(
                server,
                token,
                2 * lasting,
                watchers=WATCHERS,
                per_second=10 / slowness,
                sampled=20,
                within_ms=within,
                target=f"p99 < {within:.0f} ms",
            )
        )
    if "rates" in parts or "mixed" in parts:
        rates.prepare(server)
    if "mixed" in parts:
        figures.append(mixed.measure(server, token, max(5, seconds), slowness))
    if "rates" in parts:
        figures += rates.measure(server, token, calibrator, seconds, rounds)
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--seconds", type=int, default=2, help="of load in each round")
    parser.add_argument("--rounds", type=int, default=5, help="the middle one counts")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="these parts")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        print("bench needs wrk: apt-get install wrk", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="grappe-bench-") as directory:
        figures = measure(Path(directory), options.only, options.seconds, options.rounds)
    show(figures)
    if options.json:
        options.json.write_text(json.dumps([asdict(f) for f in figures], indent=2) + "\n")
    return 1 if any(f.met is False for f in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
