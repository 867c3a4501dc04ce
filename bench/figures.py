"""What a measurement found, and how it is printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table. `share` is of the calibrator's requests per second."""

    name: str
    value: str
    cpu_us: float | None = None
    share: float | None = None
    target: str = ""
    met: bool | None = None


def show(figures: Sequence[Figure]) -> None:
    print(f"{'what':40} {'measured':44} {'CPU':>8} {'of calibrator':>14}  target")
    for f in figures:
        cpu = f"{f.cpu_us:.1f} µs" if f.cpu_us is not None else ""
        share = f"{f.share:.1%}" if f.share is not None else ""
        verdict = "" if f.met is None else (" met" if f.met else " MISSED")
        print(f"{f.name:40} {f.value:44} {cpu:>8} {share:>14}  {f.target}{verdict}")
