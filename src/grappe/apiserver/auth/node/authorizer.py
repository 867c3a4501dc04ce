"""The Node authorizer: what the role system:node says, narrowed to the node that asks."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from grappe.apiserver.auth.action import Action
from grappe.apiserver.auth.node.identity import EVERY_NODE, node_of
from grappe.apiserver.auth.node.relations import Relations
from grappe.apiserver.auth.node.rules import NODE_RULES
from grappe.apiserver.auth.rbac.rules import compile_rules, granted_names
from grappe.apiserver.http.messages import User
from grappe.store.interface import Store

Verdict = str | None
"""None allows; a text says why not, perhaps in no words."""
_LEASE_NAMESPACE = "kube-node-lease"
_READ = ("get", "list", "watch")
_RULES = compile_rules(NODE_RULES)


@lru_cache(maxsize=1024)
def _granted(verb: str, group: str, resource: str, subresource: str) -> bool:
    return bool(granted_names(_RULES, verb, group, resource, subresource))


class NodeAuthorizer:
    """Has an opinion about nodes only."""

    def __init__(self, store: Store) -> None:
        self._relations = Relations(store)
        self._narrowed: dict[tuple[str, str], Callable[[str, Action], Verdict]] = {
            ("", "secrets"): self._read_one,
            ("", "configmaps"): self._read_one,
            ("", "persistentvolumeclaims"): self._claim,
            ("", "persistentvolumes"): self._volume,
            ("", "serviceaccounts"): self._account,
            ("", "nodes"): self._node,
            ("", "pods"): self._pod,
            ("coordination.k8s.io", "leases"): self._lease,
            ("resource.k8s.io", "resourceclaims"): self._resource_claim,
            ("resource.k8s.io", "resourceslices"): self._slice,
            ("storage.k8s.io", "csinodes"): self._csi_node,
            ("storage.k8s.io", "volumeattachments"): self._attachment,
        }

    def judge(self, user: User, action: Action) -> Verdict:
        """None when a node may; else why not (in no words: this authorizer has no opinion)."""
        node = node_of(user)
        if node is None:
            return ""
        if not node:
            return f'unknown node for user "{user.name}"'
        narrowed = self._narrowed.get((action.group, action.resource))
        if narrowed is not None:
            return narrowed(node, action)
        allowed = _granted(action.verb, action.group, action.resource, action.subresource)
        return None if allowed else ""

    # -- what pods refer to --------------------------------------------------------------------
    def _read_one(self, node: str, action: Action) -> Verdict:
        if action.verb not in _READ:
            return "can only read resources of this type"
        if action.subresource:
            return "cannot read subresource"
        if not action.namespace:
            return "can only read namespaced object of this type"
        return self._referred(node, action)

    def _get(self, node: str, action: Action, related: Callable[[], bool]) -> Verdict:
        if action.verb != "get":
            return "can only get individual resources of this type"
        if action.subresource:
            return "cannot get subresource"
        return _related(node, action, related)

    def _referred(self, node: str, action: Action) -> Verdict:
        return _related(
            node,
            action,
            lambda: self._relations.referred(node, action.resource, action.namespace, action.name),
        )

    def _claim(self, node: str, action: Action) -> Verdict:
        if action.subresource == "status":
            if action.verb not in ("update", "patch"):
                return "can only get/update/patch this type"
            return self._referred(node, action)
        return self._resource_claim(node, action)

    def _resource_claim(self, node: str, action: Action) -> Verdict:
        relations = self._relations
        return self._get(
            node,
            action,
            lambda: relations.referred(node, action.resource, action.namespace, action.name),
        )

    def _volume(self, node: str, action: Action) -> Verdict:
        return self._get(node, action, lambda: self._relations.volume(node, action.name))

    def _attachment(self, node: str, action: Action) -> Verdict:
        return self._get(node, action, lambda: self._relations.attachment(node, action.name))

    def _account(self, node: str, action: Action) -> Verdict:
        if action.verb == "get" and not action.subresource:
            return self._referred(node, action)
        if action.verb != "create" or not action.name:
            return "can only create tokens for individual service accounts"
        if action.subresource != "token":
            return "can only create token subresource of serviceaccount"
        return self._referred(node, action)

    # -- the node itself -----------------------------------------------------------------------
    def _node(self, node: str, action: Action) -> Verdict:
        verb, part = action.verb, action.subresource
        if part == "status":
            return None if verb in ("update", "patch") else ""
        if part:
            return ""
        if verb in ("create", "update", "patch"):
            return None
        if verb not in _READ:
            return ""
        if node in (EVERY_NODE, action.name):
            return None
        if not action.name:
            return f"node '{node}' cannot read all nodes, only its own Node object"
        return f"node '{node}' cannot read '{action.name}', only its own Node object"

    def _pod(self, node: str, action: Action) -> Verdict:
        verb, part = action.verb, action.subresource
        if part == "status":
            return None if verb in ("update", "patch") else ""
        if part == "eviction":
            return None if verb == "create" else ""
        if part:
            return ""
        if verb in ("create", "delete"):
            return None
        if verb not in _READ:
            return ""
        if verb != "get" and (node == EVERY_NODE or _selects(action, "spec.nodeName", node)):
            return None
        if verb != "get" and not action.name:
            return "can only list/watch pods with spec.nodeName field selector"
        relations = self._relations
        return _related(node, action, lambda: relations.pod(node, action.namespace, action.name))

    def _lease(self, node: str, action: Action) -> Verdict:
        if action.verb not in ("get", "create", "update", "patch", "delete"):
            return "can only get, create, update, patch, or delete a node lease"
        if action.namespace != _LEASE_NAMESPACE:
            return f'can only access leases in the "{_LEASE_NAMESPACE}" system namespace'
        if action.verb != "create" and node not in (EVERY_NODE, action.name):
            return "can only access node lease with the same name as the requesting node"
        return None

    def _csi_node(self, node: str, action: Action) -> Verdict:
        if action.verb not in ("get", "create", "update", "patch", "delete"):
            return "can only get, create, update, patch, or delete a CSINode"
        if action.subresource:
            return "cannot authorize CSINode subresources"
        if action.verb != "create" and node not in (EVERY_NODE, action.name):
            return "can only access CSINode with the same name as the requesting node"
        return None

    def _slice(self, node: str, action: Action) -> Verdict:
        verb = action.verb
        if action.subresource:
            return "cannot authorize ResourceSlice subresources"
        if verb == "create":
            return None
        if verb in ("get", "update", "patch", "delete"):
            return _related(node, action, lambda: self._relations.slice(node, action.name))
        if verb not in ("watch", "list", "deletecollection"):
            return (
                "only the following verbs are allowed for a ResourceSlice: get, watch, list, "
                "create, update, patch, delete, deletecollection"
            )
        if node == EVERY_NODE or _selects(action, "spec.nodeName", node):
            return None
        return "can only list/watch/deletecollection resourceslices with nodeName field selector"


def _related(node: str, action: Action, related: Callable[[], bool]) -> Verdict:
    if not action.name:
        return "No Object name found"
    if related():
        return None
    return f"no relationship found between node '{node}' and this object"


def _selects(action: Action, field: str, value: str) -> bool:
    return any(term in (f"{field}={value}", f"{field}=={value}") for term in action.fields)
