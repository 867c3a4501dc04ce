"""Expressions that cost as much as they may do not hold the loop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import time
from collections.abc import Awaitable, Iterator
from typing import Any

import pytest

from grappe.api.cel import environment
from grappe.api.cel.costs import Meter
from grappe.api.cel.program import Program
from grappe.api.cel.types import DYN
from grappe.api.cel.values import EvaluationError
from grappe.api.schema.regex import go_regex
from grappe.base.turns import in_turns

LONGEST = 0.25
"""Seconds of processor time between two turns; a slice is a thousandth, one step may be long."""

TEXT = "a" * (3 << 20)
NUMBERS = list(range(900_000))
NESTED = [[1, 2, 3]] * 100_000
WORDS = [f"w{n}" for n in range(100_000)]

HOSTILE = [
    "self.numbers.all(a, self.numbers.all(b, a >= 0 && b >= 0))",
    "self.words.map(w, self.words.filter(x, x == w)).size() > 0",
    "self.numbers == self.again",
    "self.nested == self.nested2",
    "self.numbers.sum() > 0",
    "self.numbers.isSorted() && self.numbers.max() > 0 && self.numbers.min() == 0",
    "self.numbers.indexOf(-1) == -1 && self.numbers.lastIndexOf(-1) == -1",
    "-1 in self.numbers",
    "sets.contains(self.few, self.numbers)",
    "sets.intersects(self.nested, self.nested2.map(n, [4]))",
    "'%s'.format([self.numbers]).size() > 0",
    "self.text.substring(0, 200000).findAll('a').size() > 0",
    "self.text.matches('(a+)+b$')",
    "self.text.matches('^(a|a)*$') && self.text.matches('(.*a){9}$')",
    "self.text.replace('', self.text).size() > 0",
    "self.words.join(self.text).size() > 0",
    "strings.quote(self.text).size() > 0",
    "self.text.split('').map(a, a).join('').size() > 0",
    "self.text.lowerAscii().upperAscii().trim().contains('b')",
    "format.dns1123Subdomain().validate(self.text).hasValue()",
    "isQuantity(self.text) || isURL(self.text) || isSemver(self.text) || isIP(self.text)",
    "isCIDR(self.text) || format.labelValue().validate(self.text).hasValue()",
    "url('http://' + self.text).getHost() == ''",
]


@pytest.fixture
def uncollected() -> Iterator[None]:
    """After a thousand other tests a collection takes half a second."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("source", HOSTILE)
async def test_the_loop_goes_round_while_an_expression_costs_what_it_may(source: str) -> None:
    data = {
        "numbers": NUMBERS,
        "again": list(NUMBERS),
        "nested": NESTED,
        "nested2": [[1, 2, 3] for _ in range(100_000)],
        "words": WORDS,
        "text": TEXT,
        "few": [1],
    }
    program = Program(environment({"self": DYN}).check(source).expr)
    rounds: list[float] = []

    async def going_round() -> None:
        while True:
            rounds.append(time.thread_time())
            await asyncio.sleep(0)

    def evaluate() -> Any:
        with contextlib.suppress(EvaluationError):
            return program.evaluate({"self": data}, Meter())

    beside = asyncio.create_task(going_round())
    await asyncio.sleep(0)
    found = in_turns(evaluate)
    if isinstance(found, Awaitable):
        await found
    rounds.append(time.thread_time())
    beside.cancel()
    assert max(b - a for a, b in itertools.pairwise(rounds)) < LONGEST


def test_patterns_take_linear_time() -> None:
    before = time.thread_time()
    assert not go_regex("^(a+)+$").search("a" * 10_000 + "b")
    assert time.thread_time() - before < 1
