"""The downward API: fields and resources of a pod as text (pure).

https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal

from grappe.api import Object, quantity
from grappe.node.pods import spec

_SUBSCRIPT = re.compile(r"^metadata\.(labels|annotations)\['([^']*)'\]$")


class FieldError(ValueError):
    """A reference to a field or resource that cannot be given."""


def _quoted(entries: Mapping[str, str]) -> str:
    """All labels or annotations: `key="value"` lines in the order of keys."""
    escaped = {
        key: value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        for key, value in entries.items()
    }
    return "\n".join(f'{key}="{escaped[key]}"' for key in sorted(escaped))


def field_value(pod: Object, path: str, *, host_ip: str, pod_ips: tuple[str, ...]) -> str:
    """The value of a fieldRef. FieldError for a path the downward API does not have."""
    meta, pod_spec = pod["metadata"], pod["spec"]
    match = _SUBSCRIPT.match(path)
    if match:
        return str((meta.get(match.group(1)) or {}).get(match.group(2), ""))
    if path == "metadata.labels":
        return _quoted(meta.get("labels") or {})
    if path == "metadata.annotations":
        return _quoted(meta.get("annotations") or {})
    simple = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta.get("uid", ""),
        "spec.nodeName": pod_spec.get("nodeName", ""),
        "spec.serviceAccountName": pod_spec.get("serviceAccountName", ""),
        "status.hostIP": host_ip,
        "status.hostIPs": host_ip,
        "status.podIP": pod_ips[0] if pod_ips else "",
        "status.podIPs": ",".join(pod_ips),
    }
    if path not in simple:
        raise FieldError(f"unsupported fieldPath: {path}")
    return str(simple[path])


def resource_value(
    pod: Object, reference: Object, container: Object, allocatable: Mapping[str, str]
) -> str:
    """The value of a resourceFieldRef; a missing limit is what the node can allocate."""
    name = reference.get("containerName")
    if name:
        found = spec.find(pod, name)
        if found is None:
            raise FieldError(f"container {name} not found")
        container = found.spec
    kind, _, resource = str(reference.get("resource", "")).partition(".")
    resources = container.get("resources") or {}
    if kind not in ("limits", "requests") or not resource:
        raise FieldError(f"Unsupported container resource : {reference.get('resource')}")
    value = (resources.get(kind) or {}).get(resource)
    if value is None and kind == "limits":
        value = allocatable.get(resource)
    amount = quantity.parse(value) if value is not None else Decimal(0)
    divisor = quantity.parse(reference.get("divisor") or "1") or Decimal(1)
    return str(math.ceil(amount / divisor))
