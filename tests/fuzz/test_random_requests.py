"""Random requests through the whole server: never its fault, never endless, never without bound."""

from __future__ import annotations

import os
import resource

import pytest

from tests.fuzz.driver import run

REQUESTS = int(os.environ.get("GRAPPE_FUZZ_REQUESTS", "4000"))
SEED = int(os.environ.get("GRAPPE_FUZZ_SEED", "1"))
OF_ONE_SERVER = 2000
"""Requests before the next server: what one run stores says little after that."""
GROWTH = 300 * 1024
"""KiB the process may grow by, whatever the number of requests."""


@pytest.mark.timeout(180 + REQUESTS // 20)
async def test_whatever_is_asked_the_answer_blames_who_asked() -> None:
    await run(0, 200)  # what every process loads once
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(max(1, REQUESTS // OF_ONE_SERVER)):
        answered = await run(SEED + number, min(REQUESTS, OF_ONE_SERVER))
        # Much of it is well-formed: refusals alone would prove little.
        assert {200, 201, 400, 404, 422} <= set(answered), answered
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < GROWTH, f"grown by {grown // 1024} MiB"
