"""Counters, gauges, histograms and their text."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.base.metrics import Counter, Gauge, Histogram, Registry, exponential

SAMPLE = re.compile(r'([a-z_:]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\})? (\S+)\n')


def test_series_are_told_in_the_order_of_their_labels() -> None:
    registry = Registry()
    counter = registry.add(Counter("b_total", "Things.", ("kind", "code")))
    gauge = registry.add(Gauge("a", "Level."))
    counter.inc(("y", "1"))
    counter.inc(("x", "1"), 2)
    counter.inc(("x", "1"))
    gauge.inc(by=3)
    gauge.inc(by=-1)
    assert "".join(registry.lines()) == (
        "# HELP a Level.\n# TYPE a gauge\na 2\n"
        "# HELP b_total Things.\n# TYPE b_total counter\n"
        'b_total{kind="x",code="1"} 3\nb_total{kind="y",code="1"} 1\n'
    )


def test_a_gauge_may_be_read_when_asked() -> None:
    level = [1.5]
    gauge = Gauge("a", "Level.", ("of",), lambda: [(("x",), level[0])])
    assert [*gauge.lines()][1] == 'a{of="x"} 1.5\n'
    level[0] = 2
    assert [*gauge.lines()][1] == 'a{of="x"} 2\n'


def test_buckets_count_what_is_at_most_their_bound() -> None:
    histogram = Histogram("h", "Sizes.", (1, 10), ("of",))
    for value in (0.5, 1, 1.5, 10, 11):
        histogram.observe(value, ("x",))
    assert [*histogram.lines()][1:] == [
        'h_bucket{of="x",le="1"} 2\n',
        'h_bucket{of="x",le="10"} 4\n',
        'h_bucket{of="x",le="+Inf"} 5\n',
        'h_sum{of="x"} 24\n',
        'h_count{of="x"} 5\n',
    ]


def test_a_name_is_taken_once() -> None:
    registry = Registry()
    registry.add(Counter("a", "A."))
    with pytest.raises(ValueError, match="two metrics are named a"):
        registry.add(Gauge("a", "A."))


@given(st.text(), st.lists(st.floats(0, 1e6), max_size=20))
def test_any_label_and_any_values_make_lines_that_can_be_read(
    label: str, values: list[float]
) -> None:
    histogram = Histogram("h", "Sizes.", exponential(1, 10, 4), ("of",))
    for value in values:
        histogram.observe(value, (label,))
    lines = [*histogram.lines()][1:]
    counts = [float(match[3]) for line in lines if (match := SAMPLE.fullmatch(line))]
    assert len(counts) == len(lines)
    if values:
        *buckets, total, count = counts
        assert buckets == sorted(buckets)
        assert buckets[-1] == count == len(values)
        assert math.isclose(total, sum(values), rel_tol=1e-9)
