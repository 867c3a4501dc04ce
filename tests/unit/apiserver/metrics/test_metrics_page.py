"""A scrape of many series holds up nobody."""

import asyncio

from grappe.apiserver.http.messages import Request
from grappe.apiserver.metrics import Page
from grappe.base.metrics import Gauge, Histogram, Registry, exponential


async def test_a_long_scrape_takes_turns_with_others() -> None:
    registry = Registry()
    histogram = registry.add(Histogram("h", "Sizes.", exponential(1, 2, 20), ("of",)))
    gauge = registry.add(Gauge("z", "Level.", ("of",)))
    for number in range(500):
        histogram.observe(1, (f"{number:03d}",))
        gauge.set((f"{number:03d}",), 1)
    waiting = Page(registry, Registry())(Request("GET", "/metrics", "", {}))
    assert waiting is not None
    scrape = asyncio.ensure_future(waiting)
    turns = 0
    while not scrape.done():
        histogram.observe(1, (f"while {turns}",))
        gauge.set((f"while {turns}",), 1)
        turns += 1
        await asyncio.sleep(0)
    assert turns > 20
    body = (await scrape).body
    assert isinstance(body, bytes)
    lines = body.decode().splitlines()
    series = [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]
    assert len(series) == len(set(series)) >= 500 * 23 + 500
