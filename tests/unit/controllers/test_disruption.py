from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.controllers.disruption import World, decide

from .factories import NOW, at, pod

Object = dict[str, Any]


def budget(status: Object | None = None, **spec: Any) -> Object:
    return {
        "metadata": {"name": "b", "namespace": "default", "generation": 3},
        "spec": spec,
        "status": status or {},
    }


def pods(ready: int, unready: int = 0) -> list[Object]:
    made = [pod(f"r{n}", ready=True) for n in range(ready)]
    return made + [pod(f"u{n}") for n in range(unready)]


@pytest.mark.parametrize(
    ("spec", "wanted", "expected", "desired", "allowed"),
    [
        ({"minAvailable": 2}, 9, 3, 2, 1),
        ({"minAvailable": "50%"}, 5, 5, 3, 0),
        ({"maxUnavailable": 1}, 4, 4, 3, 0),
        ({"maxUnavailable": "50%"}, 4, 4, 2, 1),
        ({"minAvailable": 5}, 3, 3, 5, 0),
    ],
)
def test_arithmetic(spec: Object, wanted: int, expected: int, desired: int, allowed: int) -> None:
    status, _ = decide(World(budget(**spec), pods(3), wanted), NOW)
    found = (status["expectedPods"], status["desiredHealthy"], status["disruptionsAllowed"])
    assert found == (expected, desired, allowed)
    [condition] = status["conditions"]
    assert condition["reason"] == ("SufficientPods" if allowed else "InsufficientPods")


def test_an_eviction_that_does_not_show_yet_counts_until_it_is_too_late() -> None:
    old = {"disruptedPods": {"r0": at(-10), "r1": at(-500), "gone": at(-1)}}
    status, look_again_at = decide(World(budget(old, minAvailable=1), pods(3), 3), NOW)
    assert status["disruptedPods"] == {"r0": at(-10)}
    assert status["currentHealthy"] == 2
    assert look_again_at == NOW + 110


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 8), st.integers(0, 100))
def test_never_more_allowed_than_keeps_the_promise(
    ready: int, unready: int, least: int, percent: int
) -> None:
    found = pods(ready, unready)
    for spec in ({"minAvailable": least}, {"minAvailable": f"{percent}%"}):
        status, _ = decide(World(budget(**spec), found, len(found)), NOW)
        allowed = status["disruptionsAllowed"]
        assert 0 <= allowed <= ready
        assert allowed == 0 or ready - allowed >= status["desiredHealthy"]
