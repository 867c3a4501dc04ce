"""The calibrator beside the server, and rates told as shares of what it reaches."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench import load
from bench.figures import Figure
from bench.targets import OF_CALIBRATOR, QUIET_CPU_US


class Calibrator:
    """The bare responder, running beside the server until it is left (`with`)."""

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

    def slowness(self) -> float:
        """How many times slower than the quiet machine this one is now; at least 1."""
        return max(1.0, self.load(2, 16).cpu_us / QUIET_CPU_US)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def slowness_figure(slowness: float) -> Figure:
    return Figure("this machine", f"{slowness:.1f} times slower than a quiet one")


@dataclass(frozen=True)
class Round:
    """A load and the yardstick taken right before it, so that both met the same machine."""

    found: load.Load
    yardstick: load.Load

    @property
    def share(self) -> float:
        return self.found.per_second / self.yardstick.per_second


def rounds(
    count: int, yardstick: Callable[[], load.Load], found: Callable[[int], load.Load]
) -> list[Round]:
    """Yardstick and load by turns; `found` gets the number of the round."""
    made = []
    for number in range(count):
        before = yardstick()
        made.append(Round(found(number), before))
    return made


def middle(name: str, made: list[Round]) -> Round:
    """The one with the middle share; RuntimeError when a request was refused in any."""
    for r in made:
        if r.found.refused:
            raise RuntimeError(f"{name}: {r.found.refused} requests were refused")
    return sorted(made, key=lambda r: r.share)[len(made) // 2]


def rate(name: str, made: list[Round]) -> Figure:
    """The middle round, as a share of the calibrator."""
    chosen = middle(name, made)
    found, share = chosen.found, chosen.share
    target = OF_CALIBRATOR.get(name)
    return Figure(
        name,
        f"{found.per_second:,.0f}/s  p50 {found.p50:.2f} ms  p99 {found.p99:.2f} ms",
        found.cpu_us,
        share,
        f"≥ {target:.0%}" if target else "",
        share >= target if target else None,
    )
