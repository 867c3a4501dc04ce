"""From resource requests and limits to what Linux enforces (pure).

https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from grappe.api import Object, quantity
from grappe.node.pods import spec
from grappe.node.runtime.config import Limits

QosClass = Literal["Guaranteed", "Burstable", "BestEffort"]
_PERIOD = 100_000
_MIN_QUOTA = 1_000
_MIN_SHARES, _MAX_SHARES = 2, 262_144


def _amounts(container: Object, kind: str) -> dict[str, str]:
    return (container.get("resources") or {}).get(kind) or {}


def request(container: Object, resource: str) -> str | None:
    """The request of one resource; a limit without a request counts as one."""
    value = _amounts(container, "requests").get(resource)
    return value if value is not None else _amounts(container, "limits").get(resource)


def qos_class(pod: Object) -> QosClass:
    """https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/"""
    some = False
    guaranteed = True
    for declared in spec.containers(pod):
        if declared.kind == "ephemeral":
            continue
        for resource in ("cpu", "memory"):
            limit = _amounts(declared.spec, "limits").get(resource)
            wanted = request(declared.spec, resource)
            limited = limit is not None and quantity.parse(limit) > 0
            wants = wanted is not None and quantity.parse(wanted) > 0
            some = some or limited or wants
            if not limited or wanted is None or quantity.compare(wanted, limit or "0") != 0:
                guaranteed = False
    if not some:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def cpu_shares(millis: int) -> int:
    return max(_MIN_SHARES, min(_MAX_SHARES, millis * 1024 // 1000))


def oom_score_adj(pod: Object, container: Object, machine_memory: int) -> int:
    """How early the kernel kills a container when memory runs out: the kubelet's formula."""
    qos = qos_class(pod)
    if qos == "Guaranteed":
        return -997
    if qos == "BestEffort":
        return 1000
    wanted = quantity.units(request(container, "memory") or "0")
    score = 1000 - (1000 * wanted) // max(machine_memory, 1)
    return max(3, min(999, score))


def limits(pod: Object, container: Object, machine_memory: int) -> Limits:
    """A container's cgroup values."""
    cpu_limit = _amounts(container, "limits").get("cpu")
    memory = _amounts(container, "limits").get("memory")
    quota = 0
    if cpu_limit is not None and (millis := quantity.millis(cpu_limit)):
        quota = max(_MIN_QUOTA, millis * _PERIOD // 1000)
    return Limits(
        cpu_period=_PERIOD if quota else 0,
        cpu_quota=quota,
        cpu_shares=cpu_shares(quantity.millis(request(container, "cpu") or "0")),
        memory_limit=quantity.units(memory) if memory is not None else 0,
        oom_score_adj=oom_score_adj(pod, container, machine_memory),
    )


def pod_request(pod: Object, resource: str) -> int:
    """What the scheduler and the node count for a pod, in milli-units for cpu, else in units:
    the sum of main containers and sidecars, or a larger init container
    (https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/)."""
    amount = quantity.millis if resource == "cpu" else quantity.units

    def wanted(container: Object) -> int:
        return amount(request(container, resource) or "0")

    total = sum(wanted(c.spec) for c in spec.containers(pod) if c.kind == "main")
    sidecars = highest = 0
    for declared in spec.containers(pod):
        if declared.kind != "init":
            continue
        if declared.restartable:
            sidecars += wanted(declared.spec)
            highest = max(highest, sidecars)
        else:
            highest = max(highest, sidecars + wanted(declared.spec))
    overhead = (pod["spec"].get("overhead") or {}).get(resource)
    return max(total + sidecars, highest) + (amount(overhead) if overhead else 0)


def pod_limit(pod: Object, resource: str) -> int | None:
    """The sum of the limits of the containers that run together; None when one has none."""
    amount = quantity.millis if resource == "cpu" else quantity.units
    together: Iterable[Object] = [
        c.spec for c in spec.containers(pod) if c.kind == "main" or c.restartable
    ]
    values = [_amounts(c, "limits").get(resource) for c in together]
    if any(value is None for value in values):
        return None
    once = [
        amount(value)
        for c in spec.containers(pod)
        if c.kind == "init" and not c.restartable
        for value in [_amounts(c.spec, "limits").get(resource)]
        if value is not None
    ]
    return max([sum(amount(value) for value in values if value is not None), *once])
