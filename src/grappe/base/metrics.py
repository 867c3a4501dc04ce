"""Counters, gauges and histograms, and Prometheus' text of them.

Observing is a dictionary look-up and an addition, with no lock: each belongs to one event loop.
Format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

Labels = tuple[str, ...]
"""Values of a family's labels, in their order."""


class Family(Protocol):
    """All series of one name."""

    name: str

    def lines(self) -> Iterator[str]: ...


class Counter:
    """Only goes up; `read`, where given, tells the series when they are asked for."""

    kind = "counter"

    def __init__(
        self,
        name: str,
        told: str,
        labels: Sequence[str] = (),
        read: Callable[[], Iterable[tuple[Labels, float]]] | None = None,
    ) -> None:
        self.name = name
        self._told = told
        self._labels = tuple(labels)
        self._read = read
        self.values: dict[Labels, float] = {}

    def inc(self, labels: Labels = (), by: float = 1) -> None:
        self.values[labels] = self.values.get(labels, 0) + by

    def lines(self) -> Iterator[str]:
        yield _head(self.name, self.kind, self._told)
        # A copy: who writes the lines may take turns with who counts.
        for labels, value in [*self._read()] if self._read else sorted(self.values.items()):
            yield _sample(self.name, self._labels, labels, value)


class Gauge(Counter):
    """Goes up and down."""

    kind = "gauge"

    def set(self, labels: Labels, value: float) -> None:
        self.values[labels] = value


class Distribution:
    """One series of a histogram."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        self.counts[bisect_left(self._bounds, value)] += times
        self.total += value * times


class Histogram:
    """How values are distributed over buckets with these upper bounds (ascending)."""

    def __init__(
        self, name: str, told: str, bounds: Sequence[float], labels: Sequence[str] = ()
    ) -> None:
        self.name = name
        self.bounds = tuple(bounds)
        self._told = told
        self._labels = tuple(labels)
        self._series: dict[Labels, Distribution] = {}

    def series(self, labels: Labels = ()) -> Distribution:
        """The series of these labels, to be kept by who observes often."""
        found = self._series.get(labels)
        if found is None:
            found = self._series[labels] = Distribution(self.bounds)
        return found

    def observe(self, value: float, labels: Labels = ()) -> None:
        self.series(labels).observe(value)

    def lines(self) -> Iterator[str]:
        yield _head(self.name, "histogram", self._told)
        bounds = [*(f'le="{bound:g}"}} ' for bound in self.bounds), 'le="+Inf"} ']
        for labels, series in sorted(self._series.items()):
            inner = _inner(self._labels, labels)
            # Written once for the series: there are two dozen buckets to each.
            bucket = f"{self.name}_bucket{{{inner}{',' if inner else ''}"
            seen = 0
            for bound, count in zip(bounds, series.counts, strict=True):
                seen += count
                yield f"{bucket}{bound}{seen}\n"
            yield _sample(f"{self.name}_sum", self._labels, labels, series.total)
            yield _sample(f"{self.name}_count", self._labels, labels, seen)


F = TypeVar("F", bound=Family)


class Registry:
    """Families by name."""

    def __init__(self) -> None:
        self._families: dict[str, Family] = {}

    def add(self, family: F) -> F:
        """Tell of this family too; ValueError for a name that is taken."""
        if family.name in self._families:
            raise ValueError(f"two metrics are named {family.name}")
        self._families[family.name] = family
        return family

    def lines(self) -> Iterator[str]:
        for _, family in sorted(self._families.items()):
            yield from family.lines()


PROCESS = Registry()
"""What the parts of a process count that nobody puts together: work queues, the scheduler."""


def exponential(first: float, factor: float, count: int) -> list[float]:
    """Upper bounds, each `factor` times the one before."""
    return [first * factor**i for i in range(count)]


def _head(name: str, kind: str, told: str) -> str:
    return f"# HELP {name} {told}\n# TYPE {name} {kind}\n"


def _inner(names: Sequence[str], values: Labels) -> str:
    return ",".join(
        f'{label}="{_escaped(text)}"' for label, text in zip(names, values, strict=True)
    )


def _sample(name: str, names: Sequence[str], values: Labels, value: float) -> str:
    inner = _inner(names, values)
    return f"{name}{{{inner}}} {value:.16g}\n" if inner else f"{name} {value:.16g}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
