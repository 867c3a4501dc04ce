"""Structs that are there although nobody has set anything in them.

Go's `omitempty` leaves no struct out, so Kubernetes shows `metadata: {}` in a template without
labels, `spec: {}` in a quota without limits. Clients count on them: `kubectl patch --type=json`
adds below them, programs read through them.
"""

from __future__ import annotations

from collections.abc import Iterator

from grappe.api import Object

# GROUP KIND, then the fields; all before the last must be there already
_TABLE = """
/LimitRange spec
/Node spec
/PersistentVolume spec
/PodTemplate template.metadata
/ReplicationController spec spec.template.metadata
/ResourceQuota spec
apps/DaemonSet spec.template.metadata
apps/Deployment spec.template.metadata
apps/ReplicaSet spec.template.metadata
apps/StatefulSet spec.template.metadata
batch/CronJob spec.jobTemplate.metadata spec.jobTemplate.spec.template.metadata
batch/Job spec.template.metadata
coordination.k8s.io/Lease spec
networking.k8s.io/Ingress spec status.loadBalancer
networking.k8s.io/IngressClass spec
resource.k8s.io/ResourceClaim spec.devices
resource.k8s.io/ResourceClaimTemplate spec.metadata spec.spec.devices
"""
_Path = tuple[tuple[str, ...], str]


def _table() -> Iterator[tuple[tuple[str, str], tuple[_Path, ...]]]:
    for line in _TABLE.strip().splitlines():
        kind, *fields = line.split(" ")
        group, _, name = kind.partition("/")
        paths = (field.split(".") for field in fields)
        yield (group, name), tuple((tuple(way), last) for *way, last in paths)


SHOWN = dict(_table())
"""(group, kind) → (way, field) of each struct that is always shown."""


def show(obj: Object, paths: tuple[_Path, ...]) -> None:
    """Put each struct there that is missing where what holds it is there."""
    for way, field in paths:
        inside = obj
        for name in way:
            inner = inside.get(name)
            if not isinstance(inner, dict):
                break
            inside = inner
        else:
            if field not in inside:
                inside[field] = {}
