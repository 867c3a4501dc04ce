"""How much of each quota resource an object uses, and which quotas speak of it.

https://kubernetes.io/docs/concepts/policy/resource-quotas/
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from grappe.api import Object
from grappe.api.resources import PODS, SERVICES, Resource
from grappe.apiserver.admission.kinds import PERSISTENT_VOLUME_CLAIMS
from grappe.apiserver.admission.pod_amounts import (
    Amounts,
    amounts,
    container_amounts,
    pod_amounts,
)

_ONE = Decimal(1)
_COUNTED = frozenset(
    (
        "configmaps",
        "persistentvolumeclaims",
        "pods",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "services",
    )
)
_SUMMED = ("cpu", "ephemeral-storage", "memory")


def usage(resource: Resource, obj: Object) -> Amounts:
    """What `obj` uses, by the names quotas use."""
    found: Amounts = {f"count/{resource.qualified}": _ONE}
    if not resource.group and resource.plural in _COUNTED:
        found[resource.plural] = _ONE
    spec = obj.get("spec") or {}
    match resource.bucket:
        case PODS.bucket:
            if (obj.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
                return {f"count/{resource.qualified}": _ONE}
            found |= _pod_usage(spec)
        case SERVICES.bucket:
            found |= _service_usage(spec)
        case PERSISTENT_VOLUME_CLAIMS.bucket:
            found |= _claim_usage(spec)
    return found


def _pod_usage(spec: Object) -> Amounts:
    found: Amounts = {}
    for name, value in pod_amounts(spec, "requests").items():
        found[f"requests.{name}"] = value
        if name in _SUMMED:
            found[name] = value
    for name, value in pod_amounts(spec, "limits").items():
        found[f"limits.{name}"] = value
    return found


def _service_usage(spec: Object) -> Amounts:
    ports = spec.get("ports") or ()
    kind = spec.get("type")
    if kind == "NodePort":
        return {"services.nodeports": Decimal(len(ports))}
    if kind != "LoadBalancer":
        return {}
    opened = len(ports) if spec.get("allocateLoadBalancerNodePorts") is not False else 0
    return {"services.loadbalancers": _ONE, "services.nodeports": Decimal(opened)}


def _claim_usage(spec: Object) -> Amounts:
    wanted = amounts((spec.get("resources") or {}).get("requests")).get("storage", Decimal(0))
    found = {"requests.storage": wanted}
    storage_class = spec.get("storageClassName")
    if storage_class:
        prefix = f"{storage_class}.storageclass.storage.k8s.io"
        found |= {f"{prefix}/persistentvolumeclaims": _ONE, f"{prefix}/requests.storage": wanted}
    return found


def unspecified(spec: Object, hard: Object) -> Iterator[str]:
    """What containers of a pod must say because a quota limits it: `limits.cpu for: a,b`."""
    for name in sorted(hard):
        side, _, what = name.rpartition(".")
        if what not in ("cpu", "memory") or side not in ("", "requests", "limits"):
            continue
        silent = sorted(
            container.get("name", "")
            for field in ("containers", "initContainers")
            for container in spec.get(field) or ()
            if what
            not in container_amounts(container, "limits" if side == "limits" else "requests")
        )
        if silent:
            yield f"{name} for: {','.join(silent)}"


class Facts(NamedTuple):
    """What quotas need to know of an object. `scopes` and `priority_class` are a pod's,
    `attributes_classes` a claim's; None of what is neither's."""

    used: Amounts
    scopes: frozenset[str] = frozenset()
    priority_class: str | None = None
    attributes_classes: frozenset[str] | None = None


def facts(resource: Resource, obj: Object) -> Facts:
    """All that quotas ask of `obj`, small enough to keep."""
    used = usage(resource, obj)
    spec = obj.get("spec") or {}
    if resource.bucket == PERSISTENT_VOLUME_CLAIMS.bucket:
        return Facts(used, attributes_classes=_attributes_classes(obj))
    if resource.bucket != PODS.bucket:
        return Facts(used)
    ends = spec.get("activeDeadlineSeconds") is not None
    scopes = {
        "Terminating" if ends else "NotTerminating",
        "BestEffort" if _best_effort(spec) else "NotBestEffort",
    }
    if _reaches_other_namespaces(spec.get("affinity") or {}):
        scopes.add("CrossNamespacePodAffinity")
    return Facts(used, frozenset(scopes), spec.get("priorityClassName") or "")


def _attributes_classes(claim: Object) -> frozenset[str]:
    """The classes a claim has, had, or is to have."""
    status = claim.get("status") or {}
    names = (
        (claim.get("spec") or {}).get("volumeAttributesClassName"),
        status.get("currentVolumeAttributesClassName"),
        (status.get("modifyVolumeStatus") or {}).get("targetVolumeAttributesClassName"),
    )
    return frozenset(name for name in names if name)


def _reaches_other_namespaces(affinity: Object) -> bool:
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(kind) or {}
        terms = list(rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ())
        for weighted in rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ():
            terms.append(weighted.get("podAffinityTerm") or {})
        if any(t.get("namespaces") or t.get("namespaceSelector") is not None for t in terms):
            return True
    return False


def in_scope(quota: Object, found: Facts) -> bool:
    """Whether a quota's scopes cover an object; what has no scopes is covered by none."""
    spec = quota.get("spec") or {}
    wanted = [{"scopeName": name, "operator": "Exists"} for name in spec.get("scopes") or ()]
    wanted += (spec.get("scopeSelector") or {}).get("matchExpressions") or []
    return all(_matches(scope, found) for scope in wanted)


def _matches(scope: Object, found: Facts) -> bool:
    if scope.get("scopeName") == "VolumeAttributesClass":
        names = found.attributes_classes
        return names is not None and _any_expression(scope, names)
    if found.priority_class is None:
        return False
    if scope.get("scopeName") == "PriorityClass":
        return _expression(scope, found.priority_class)
    return scope.get("scopeName") in found.scopes


def _any_expression(scope: Object, values: frozenset[str]) -> bool:
    return any(_expression(scope, value) for value in values or ("",))


def _expression(scope: Object, value: str) -> bool:
    values: Any = scope.get("values") or ()
    match scope.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return bool(value)
        case "DoesNotExist":
            return not value
    return False


def _best_effort(pod: Object) -> bool:
    return not any(
        container_amounts(container, side)
        for field in ("containers", "initContainers")
        for container in pod.get(field) or ()
        for side in ("requests", "limits")
    )
