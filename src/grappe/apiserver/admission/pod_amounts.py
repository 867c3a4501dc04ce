"""How much a pod asks for and is limited to, in total.

https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal
from typing import Literal

from grappe.api import Object
from grappe.api.pod_resources import add_to, at_once
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
    """What the containers need at once, or what is stated for the whole pod (KEP-2837), plus the
    overhead."""
    total = at_once(spec, lambda container: container_amounts(container, side))
    total.update(container_amounts(spec, side))
    overhead = amounts(spec.get("overhead"))
    if side == "limits":  # an unlimited resource stays unlimited
        overhead = {name: value for name, value in overhead.items() if name in total}
    add_to(total, overhead)
    return total


def add(parts: Iterable[Amounts]) -> Amounts:
    """The sum of all."""
    total: Amounts = {}
    for part in parts:
        add_to(total, part)
    return total
