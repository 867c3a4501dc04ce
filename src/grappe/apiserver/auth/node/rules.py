"""The rules of the role system:node: the most any node may do.

https://kubernetes.io/docs/reference/access-authn-authz/node/#overview
"""

from __future__ import annotations

from grappe.api import Object

_READ = ["get", "list", "watch"]
_KEEP = ["create", "delete", "get", "patch", "update"]


def _rule(verbs: list[str], groups: str, *resources: str) -> Object:
    return {"verbs": verbs, "apiGroups": groups.split(","), "resources": list(resources)}


NODE_RULES: list[Object] = [
    _rule(["create"], "authentication.k8s.io", "tokenreviews"),
    _rule(["create"], "authorization.k8s.io", "localsubjectaccessreviews", "subjectaccessreviews"),
    _rule(_READ, "", "services"),
    _rule(["create", *_READ], "", "nodes"),
    _rule(["patch", "update"], "", "nodes/status"),
    _rule(["patch", "update"], "", "nodes"),
    _rule(["create", "patch", "update"], ",events.k8s.io", "events"),
    _rule(_READ, "", "pods"),
    _rule(["create", "delete"], "", "pods"),
    _rule(["patch", "update"], "", "pods/status"),
    _rule(["create"], "", "pods/eviction"),
    _rule(_READ, "", "configmaps", "secrets"),
    _rule(["get"], "", "persistentvolumeclaims", "persistentvolumes"),
    _rule(["get"], "", "endpoints"),
    _rule(["create", *_READ], "certificates.k8s.io", "certificatesigningrequests"),
    _rule(_KEEP, "coordination.k8s.io", "leases"),
    _rule(["get"], "storage.k8s.io", "volumeattachments"),
    _rule(["create"], "", "serviceaccounts/token"),
    _rule(["get", "patch", "update"], "", "persistentvolumeclaims/status"),
    _rule(_READ, "storage.k8s.io", "csidrivers"),
    _rule(_KEEP, "storage.k8s.io", "csinodes"),
    _rule(_READ, "node.k8s.io", "runtimeclasses"),
    _rule(["get"], "resource.k8s.io", "resourceclaims"),
    _rule(["deletecollection"], "resource.k8s.io", "resourceslices"),
    _rule(["get"], "", "serviceaccounts"),
]
"""The rules of the role system:node. What a node may do with ResourceSlices of its own, the Node
authorizer says by itself."""
