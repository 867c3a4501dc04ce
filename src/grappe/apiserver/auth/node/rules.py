"""The rules of the role system:node: the most any node may do.

https://kubernetes.io/docs/reference/access-authn-authz/node/#overview
"""

from __future__ import annotations

from grappe.api import Object

_READ = ["get", "list", "watch"]


def _rule(verbs: list[str], group: str, *resources: str) -> Object:
    return {"verbs": verbs, "apiGroups": [group], "resources": list(resources)}


NODE_RULES: list[Object] = [
    _rule(["create"], "authentication.k8s.io", "tokenreviews"),
    _rule(["create"], "authorization.k8s.io", "localsubjectaccessreviews", "subjectaccessreviews"),
    _rule(_READ, "", "services"),
    _rule(["create", *_READ], "", "nodes"),
    _rule(["patch", "update"], "", "nodes/status"),
    _rule(["patch", "update"], "", "nodes"),
    _rule(["create", "patch", "update"], "", "events"),
    _rule(["create", "patch", "update"], "events.k8s.io", "events"),
    _rule(_READ, "", "pods"),
    _rule(["create", "delete"], "", "pods"),
    _rule(["patch", "update"], "", "pods/status"),
    _rule(["create"], "", "pods/eviction"),
    _rule(_READ, "", "configmaps", "secrets"),
    _rule(["get"], "", "serviceaccounts"),
    _rule(["create"], "", "serviceaccounts/token"),
    _rule(["get"], "", "persistentvolumeclaims", "persistentvolumes"),
    _rule(["get", "patch", "update"], "", "persistentvolumeclaims/status"),
    _rule(["get"], "", "endpoints"),
    _rule(["create", *_READ], "certificates.k8s.io", "certificatesigningrequests"),
    _rule(["create", "delete", "get", "patch", "update"], "coordination.k8s.io", "leases"),
    _rule(["get"], "storage.k8s.io", "volumeattachments"),
    _rule(_READ, "storage.k8s.io", "csidrivers"),
    _rule(["create", "delete", "get", "patch", "update"], "storage.k8s.io", "csinodes"),
    _rule(_READ, "node.k8s.io", "runtimeclasses"),
    _rule(["get"], "resource.k8s.io", "resourceclaims"),
    _rule(
        ["create", "delete", "deletecollection", "patch", "update", *_READ],
        "resource.k8s.io",
        "resourceslices",
    ),
]
"""The rules of the role system:node."""
