"""What a node may do: the Node authorizer, in a simple form.

Members of system:nodes get the rules of the role system:node. Which of them a particular node may
use on which object (its own Node, its own pods) is the NodeRestriction admission plugin's
question; unlike Kubernetes' graph, reading a Secret does not need a pod that uses it: grappe's
nodes are on the machine that holds the database.
https://kubernetes.io/docs/reference/access-authn-authz/node/
"""

from __future__ import annotations

from functools import lru_cache

from grappe.api import Object
from grappe.apiserver.auth.names import NODES
from grappe.apiserver.auth.rbac.rules import compile_rules, granted_names
from grappe.apiserver.http.messages import User

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
    _rule(_READ, "", "persistentvolumeclaims", "persistentvolumes"),
    _rule(["get", "patch", "update"], "", "persistentvolumeclaims/status"),
    _rule(["get"], "", "endpoints"),
    _rule(["create", *_READ], "certificates.k8s.io", "certificatesigningrequests"),
    _rule(["create", "delete", "get", "patch", "update"], "coordination.k8s.io", "leases"),
    _rule(_READ, "storage.k8s.io", "volumeattachments", "csidrivers"),
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

_COMPILED = compile_rules(NODE_RULES)


def node_allows(user: User, verb: str, group: str, resource: str, subresource: str) -> bool:
    """Whether `user` is a node and the action is among what nodes do."""
    return NODES in user.groups and _granted(verb, group, resource, subresource)


@lru_cache(maxsize=1024)
def _granted(verb: str, group: str, resource: str, subresource: str) -> bool:
    return bool(granted_names(_COMPILED, verb, group, resource, subresource))
