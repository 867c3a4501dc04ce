"""How much a pod asks for and is limited to, in total.

https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal
from typing import Literal

from grappe.api import Object
from grappe.api.quantity import QuantityError, parse

Amounts = dict[str, Decimal]
Side = Literal["requests", "limits"]


def amounts(quantities: object) -> Amounts:
    """Quantities as numbers; what is no quantity is left out (validation will name it)."""
    found: Amounts = {}
    for name, text in quantities.items() if isinstance(quantities, dict) else ():
        if isinstance(text, str | int | float):
            with suppress(QuantityError):
                found[name] = parse(text)
    return found


def container_amounts(container: Object, side: Side) -> Amounts:
    return amounts((container.get("resources") or {}).get(side))


def pod_amounts(spec: Object, side: Side) -> Amounts:
    """The greater of what the containers need together (with the sidecars) and what any init
    container needs while it runs, plus the overhead."""
    total: Amounts = {}
    for container in spec.get("containers") or ():
        _add(total, container_amounts(container, side))
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("initContainers") or ():
        own = container_amounts(container, side)
        if container.get("restartPolicy") == "Always":
            _add(sidecars, own)
            _raise(peak, sidecars)
        else:
            beside = dict(sidecars)
            _add(beside, own)
            _raise(peak, beside)
    _add(total, sidecars)
    _raise(total, peak)
    overhead = amounts(spec.get("overhead"))
    if side == "limits":  # an unlimited resource stays unlimited
        overhead = {name: value for name, value in overhead.items() if name in total}
    _add(total, overhead)
    return total


def add(parts: Iterable[Amounts]) -> Amounts:
    total: Amounts = {}
    for part in parts:
        _add(total, part)
    return total


def _add(total: Amounts, more: Amounts) -> None:
    for name, value in more.items():
        total[name] = total.get(name, Decimal(0)) + value


def _raise(total: Amounts, least: Amounts) -> None:
    for name, value in least.items():
        total[name] = max(total.get(name, Decimal(0)), value)
