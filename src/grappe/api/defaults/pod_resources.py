"""Defaults of resource requirements: a container's, and those of a whole pod (KEP-2837).

A pod's own requests and limits are filled in from its containers' only when one of them is given.
"""

from __future__ import annotations

from decimal import Decimal

from grappe.api import Object
from grappe.api.defaults.fields import objects
from grappe.api.quantity import millis, parse, spell

_HUGE_PAGES = "hugepages-"
_OVERCOMMITTED = ("cpu", "memory")


def requests_from_limits(resources: Object) -> None:
    """A request that is left out is as high as the limit."""
    limits = resources.get("limits")
    if limits:
        resources["requests"] = {**limits, **(resources.get("requests") or {})}


def round_to_millis(resources: Object) -> None:
    """Nothing is counted more finely than in thousandths."""
    for kind in ("limits", "requests"):
        for name, amount in (resources.get(kind) or {}).items():
            if amount[-1:] in ("n", "u"):
                resources[kind][name] = spell(Decimal(millis(amount)) / 1000)


def default_pod_resources(spec: Object) -> None:
    """`spec.resources` of a pod whose containers have their defaults already."""
    resources = spec.get("resources")
    if not isinstance(resources, dict):
        return
    limits = dict(resources.get("limits") or {})
    requests = dict(resources.get("requests") or {})
    if not limits and not requests:
        return
    container_limits = _effective(spec, "limits")
    for name, amount in container_limits.items():
        if name.startswith(_HUGE_PAGES) and name not in requests:
            limits.setdefault(name, amount)
    if not limits:
        for name, amount in container_limits.items():
            if name in _OVERCOMMITTED and _all_limited(spec, name):
                limits[name] = amount
    if limits:
        for name, amount in _effective(spec, "requests").items():
            if name in _OVERCOMMITTED:
                requests.setdefault(name, amount)
        for name, amount in limits.items():
            if name in _OVERCOMMITTED or name.startswith(_HUGE_PAGES):
                requests.setdefault(name, amount)
    for kind, found in (("limits", limits), ("requests", requests)):
        if found:
            resources[kind] = found


def _effective(spec: Object, kind: str) -> dict[str, str]:
    """What the containers need together: those that run side by side added up, but never less
    than any init container needs next to the sidecars started before it."""
    running: dict[str, Decimal] = {}
    highest: dict[str, Decimal] = {}
    spelling: dict[str, str] = {}

    def amounts(container: Object) -> dict[str, Decimal]:
        found = (container.get("resources") or {}).get(kind) or {}
        for name, amount in found.items():
            spelling.setdefault(name, amount)
        return {name: parse(amount) for name, amount in found.items()}

    def add(needed: dict[str, Decimal]) -> None:
        for name, amount in needed.items():
            running[name] = running.get(name, Decimal(0)) + amount

    for container in objects(spec, "initContainers"):
        needed = amounts(container)
        if container.get("restartPolicy") == "Always":
            add(needed)
            needed = dict(running)
        else:
            for name, amount in running.items():
                needed[name] = needed.get(name, Decimal(0)) + amount
        for name, amount in needed.items():
            highest[name] = max(highest.get(name, Decimal(0)), amount)
    for container in objects(spec, "containers"):
        add(amounts(container))
    for name, amount in running.items():
        highest[name] = max(highest.get(name, Decimal(0)), amount)
    return {name: spell(amount, spelling[name]) for name, amount in highest.items()}


def _all_limited(spec: Object, name: str) -> bool:
    containers = [*objects(spec, "initContainers"), *objects(spec, "containers")]
    return all(name in ((c.get("resources") or {}).get("limits") or {}) for c in containers)
