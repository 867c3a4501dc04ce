"""What an object of a built-in kind holds before anything is set.

Kubernetes compares typed objects: a struct that is no pointer is there from the start, so setting
a field in it does not make its writer the owner of the struct itself. Custom resources are maps
and start empty.
"""

from __future__ import annotations

from typing import Any

from grappe.api.schema.node import Node

# Optional fields that are structs all the same (Go types without a pointer), by definition.
_STRUCTS: dict[str, tuple[str, ...]] = {
    "DaemonSetSpec": ("updateStrategy",),
    "DeploymentSpec": ("strategy",),
    "Event": ("source",),
    "IngressStatus": ("loadBalancer",),
    "JobTemplateSpec": ("metadata", "spec"),
    "NodeDaemonEndpoints": ("kubeletEndpoint",),
    "NodeStatus": ("daemonEndpoints", "nodeInfo"),
    "PersistentVolumeClaimSpec": ("resources",),
    "PodTemplate": ("template",),
    "PodTemplateSpec": ("metadata", "spec"),
    "ReplicaSetSpec": ("template",),
    "ResourceClaimSpec": ("devices",),
    "ResourceClaimTemplateSpec": ("metadata",),
    "ServiceStatus": ("loadBalancer",),
    "StatefulSetSpec": ("updateStrategy",),
}
_ROOT = ("metadata", "spec", "status")
_SCALARS: dict[str, Any] = {"string": "", "integer": 0, "number": 0, "boolean": False}


def zero_fields(node: Node, *, root: bool = False) -> dict[str, Any]:
    """Field → its zero value, for what is there from the start; a struct's is a dict of its own
    zero fields, a list's an empty list, and None stands for an absent atomic value."""
    key = "zero root" if root else "zero"
    found: dict[str, Any] | None = node.compiled.get(key)
    if found is None:
        found = node.compiled[key] = _zero_fields(node, root)
    return found


def _zero_fields(node: Node, root: bool) -> dict[str, Any]:
    if node.custom:
        return {"metadata": {}} if root else {}
    name = node.definition.rpartition(".")[2]
    structs = _STRUCTS.get(name, ()) + (_ROOT if root else ())
    found: dict[str, Any] = {}
    for field in (*structs, *node.required):
        child = node.properties.get(field)
        if child is None or field in found:
            continue
        if child.type == "object" and not child.atomic and child.properties:
            found[field] = zero_fields(child)
        elif child.type == "array":
            found[field] = []
        elif field in node.required:
            found[field] = _SCALARS.get(child.type)
    return found
