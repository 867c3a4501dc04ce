"""The roles and bindings every Kubernetes cluster has, as objects."""

from __future__ import annotations

from functools import cache

from grappe.api import Object
from grappe.apiserver.auth.node.rules import NODE_RULES
from grappe.apiserver.auth.rbac.controller_roles import CONTROLLER_ROLES
from grappe.apiserver.auth.rbac.role_tables import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    NAMESPACED_ROLES,
    ROLE_BINDINGS,
)

RBAC = "rbac.authorization.k8s.io"
MARK = {"kubernetes.io/bootstrapping": "rbac-defaults"}
AUTO_UPDATE = "rbac.authorization.kubernetes.io/autoupdate"

_WORDS = {
    "read": ("get", "list", "watch"),
    "write": ("create", "delete", "deletecollection", "patch", "update"),
}


def _rule(line: str) -> Object:
    verbs, group, what, *names = line.split()
    spelled = [word for verb in verbs.split(",") for word in _WORDS.get(verb, (verb,))]
    if group == "url":
        return {"verbs": spelled, "nonResourceURLs": what.split(",")}
    rule: Object = {
        "verbs": sorted(spelled),
        "apiGroups": ["" if name == "-" else name for name in group.split(",")],
        "resources": what.split(","),
    }
    if names:
        rule["resourceNames"] = names[0].split(",")
    return rule


def _metadata(name: str, namespace: str = "") -> Object:
    metadata: Object = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    metadata["labels"] = dict(MARK)
    metadata["annotations"] = {AUTO_UPDATE: "true"}
    return metadata


def _aggregation_label(to: str) -> str:
    return f"rbac.authorization.k8s.io/{to}"


def _roles(table: str, kind: str) -> list[Object]:
    found: list[Object] = []
    for line in table.strip().splitlines():
        if line.startswith(" "):
            found[-1]["rules"].append(_rule(line))
            continue
        name, *labels = line.split()
        namespace, _, own = name.rpartition("/")
        metadata = _metadata(own, namespace)
        metadata["labels"].update({_aggregation_label(label): "true" for label in labels})
        found.append({"kind": kind, "apiVersion": f"{RBAC}/v1", "metadata": metadata, "rules": []})
    return found


def _aggregated(name: str, parts: list[str], labels: list[str], pieces: list[Object]) -> Object:
    """`admin` = to-admin + edit; `edit` = to-edit + view: selected by label, and written out so
    that the rules can be read at once."""
    metadata = _metadata(name)
    metadata["labels"].update({_aggregation_label(label): "true" for label in labels})
    chosen = {f"system:{part}" for part in parts}
    return {
        "kind": "ClusterRole",
        "apiVersion": f"{RBAC}/v1",
        "metadata": metadata,
        "aggregationRule": {
            "clusterRoleSelectors": [{"matchLabels": {_aggregation_label(parts[0]): "true"}}]
        },
        "rules": [
            rule
            for piece in pieces
            if piece["metadata"]["name"] in chosen
            for rule in piece["rules"]
        ],
    }


@cache
def default_roles() -> tuple[Object, ...]:
    """Every default ClusterRole, then the Roles of the system namespaces."""
    roles = _roles(CLUSTER_ROLES, "ClusterRole")
    admin, edit, view = "aggregate-to-admin", "aggregate-to-edit", "aggregate-to-view"
    return (
        *roles,
        {**_roles("system:node", "ClusterRole")[0], "rules": NODE_RULES},
        _aggregated("admin", [admin, edit, view], [], roles),
        _aggregated("edit", [edit, view], [admin], roles),
        _aggregated("view", [view], [edit], roles),
        *_roles(CONTROLLER_ROLES, "ClusterRole"),
        *_roles(NAMESPACED_ROLES, "Role"),
    )


def _subject(text: str) -> Object:
    sort, _, name = text.partition(":")
    if sort == "s":
        namespace, _, name = name.partition("/")
        return {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    return {"kind": {"g": "Group", "u": "User"}[sort], "apiGroup": RBAC, "name": name}


def _binding(name: str, role_kind: str, role: str, subjects: list[str], space: str = "") -> Object:
    return {
        "kind": "RoleBinding" if space else "ClusterRoleBinding",
        "apiVersion": f"{RBAC}/v1",
        "metadata": _metadata(name, space),
        "roleRef": {"apiGroup": RBAC, "kind": role_kind, "name": role},
        **({"subjects": [_subject(subject) for subject in subjects]} if subjects else {}),
    }


@cache
def default_bindings() -> tuple[Object, ...]:
    """Every default ClusterRoleBinding, then the RoleBindings of the system namespaces."""
    found = []
    for line in CLUSTER_ROLE_BINDINGS.strip().splitlines():
        name, role_name, *subjects = line.split()
        found.append(_binding(name, "ClusterRole", role_name, subjects))
    for role in _roles(CONTROLLER_ROLES, "ClusterRole"):
        name = role["metadata"]["name"]
        account = f"s:kube-system/{name.removeprefix('system:controller:')}"
        found.append(_binding(name, "ClusterRole", name, [account]))
    for line in ROLE_BINDINGS.strip().splitlines():
        place, *words = line.split()
        namespace, _, role_name = place.partition("/")
        names = [word.removeprefix("=") for word in words if word.startswith("=")]
        subjects = [word for word in words if not word.startswith("=")]
        name = names[0] if names else role_name
        found.append(_binding(name, "Role", role_name, subjects, namespace))
    return tuple(found)
