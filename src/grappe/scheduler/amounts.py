"""Resource amounts as whole numbers: thousandths for cpu, units for everything else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grappe.api import Object, quantity
from grappe.api.pod_resources import add_to, at_once

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


def _requests(container: Object) -> dict[str, int]:
    return amounts((container.get("resources") or {}).get("requests"))


def _with_floor(requests: dict[str, int]) -> dict[str, int]:
    return {"cpu": UNSTATED_CPU, "memory": UNSTATED_MEMORY, **requests}


def pod_requests(spec: Object) -> tuple[dict[str, int], tuple[int, int]]:
    """What a pod occupies on a node, and the (cpu, memory) it is scored by.

    Rule: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
    and KEP-2837 for requests stated for the whole pod.
    """
    total = at_once(spec, _requests)
    scored = at_once(spec, lambda container: _with_floor(_requests(container)))
    whole_pod = _requests(spec)
    total.update(whole_pod)
    scored.update(whole_pod)
    overhead = amounts(spec.get("overhead"))
    add_to(total, overhead)
    add_to(scored, overhead)
    return {n: a for n, a in total.items() if a}, (scored.get("cpu", 0), scored.get("memory", 0))
