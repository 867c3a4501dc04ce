"""Resource amounts as whole numbers: thousandths for cpu, units for everything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from grappe.api import Object, quantity

Amounts = Mapping[str, int]

UNSTATED_CPU = 100
UNSTATED_MEMORY = 200 * 1024 * 1024
"""What a container that states no request counts for when nodes are scored, so that such pods
are spread too."""


def amounts(listed: Mapping[str, Any] | None) -> dict[str, int]:
    """A `ResourceList` as whole numbers, rounded up."""
    if not listed:
        return {}
    return {
        name: quantity.millis(text) if name == "cpu" else quantity.units(text)
        for name, text in listed.items()
    }


def add(total: dict[str, int], more: Amounts) -> None:
    """Add `more` to `total` in place."""
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount


def _raise_to(total: dict[str, int], floor: Amounts) -> None:
    for name, amount in floor.items():
        if amount > total.get(name, 0):
            total[name] = amount


def _requests(container: Object) -> dict[str, int]:
    return amounts((container.get("resources") or {}).get("requests"))


def _with_floor(requests: dict[str, int]) -> dict[str, int]:
    return {"cpu": UNSTATED_CPU, "memory": UNSTATED_MEMORY, **requests}


def _combine(
    containers: Iterable[dict[str, int]], init: Iterable[tuple[bool, dict[str, int]]]
) -> dict[str, int]:
    """What runs at once at most: every container and sidecar, or an init container beside the
    sidecars started before it."""
    total: dict[str, int] = {}
    for requests in containers:
        add(total, requests)
    sidecars: dict[str, int] = {}
    peak: dict[str, int] = {}
    for sidecar, requests in init:
        if sidecar:
            add(total, requests)
            add(sidecars, requests)
            _raise_to(peak, sidecars)
        else:
            alone = dict(requests)
            add(alone, sidecars)
            _raise_to(peak, alone)
    _raise_to(total, peak)
    return total


def pod_requests(spec: Object) -> tuple[dict[str, int], tuple[int, int]]:
    """What a pod occupies on a node, and the (cpu, memory) it is scored by.

    Rule: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
    and KEP-2837 for requests stated for the whole pod.
    """
    containers = [_requests(c) for c in spec.get("containers") or ()]
    init = [
        (c.get("restartPolicy") == "Always", _requests(c)) for c in spec.get("initContainers") or ()
    ]
    total = _combine(containers, init)
    scored = _combine(map(_with_floor, containers), [(s, _with_floor(r)) for s, r in init])
    whole_pod = _requests(spec)
    total.update(whole_pod)
    scored.update(whole_pod)
    overhead = amounts(spec.get("overhead"))
    add(total, overhead)
    add(scored, overhead)
    return {n: a for n, a in total.items() if a}, (scored.get("cpu", 0), scored.get("memory", 0))
