"""What the containers of a pod need at once, for one resource or many. Pure.

https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeVar

from grappe.api import Object

N = TypeVar("N", int, Decimal)
"""Amounts are numbers of any one kind: whole ones to be quick, decimal ones to be exact."""


def at_once(spec: Object, amounts_of: Callable[[Object], Mapping[str, N]]) -> dict[str, N]:
    """What runs at once at most: every container and sidecar, or an init container beside the
    sidecars started before it. `amounts_of` gives the amounts of one container."""
    total: dict[str, N] = {}
    for container in spec.get("containers") or ():
        add_to(total, amounts_of(container))
    sidecars: dict[str, N] = {}
    peak: dict[str, N] = {}
    for container in spec.get("initContainers") or ():
        own = amounts_of(container)
        if container.get("restartPolicy") == "Always":
            add_to(total, own)
            add_to(sidecars, own)
            raise_to(peak, sidecars)
        else:
            beside = dict(sidecars)
            add_to(beside, own)
            raise_to(peak, beside)
    raise_to(total, peak)
    return total


def add_to(total: dict[str, N], more: Mapping[str, N]) -> None:
    """Add `more` to `total` in place."""
    for name, amount in more.items():
        total[name] = total[name] + amount if name in total else amount


def raise_to(total: dict[str, N], least: Mapping[str, N]) -> None:
    """Raise what is lower in `total` in place."""
    for name, amount in least.items():
        if name not in total or amount > total[name]:
            total[name] = amount
