"""Empty lists and maps and zeros of built-in kinds: kept or left out as Go's types say."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from grappe.api.protobuf.table import message
from grappe.api.resources import BUILTIN, Resource
from grappe.api.schema import builtin_schema
from grappe.api.schema.emptiness import omits_empty
from grappe.api.schema.node import Node

# Required, although Go would leave them out: to say so is for validation, with either.
REQUIRED = {"counters", "validationActions"}


def structs(node: Node, seen: dict[str, Node]) -> dict[str, Node]:
    """Every struct below a node, by the name of its definition."""
    if node.definition and node.properties and node.definition not in seen:
        seen[node.definition] = node
    elif node.definition in seen:
        return seen
    for child in node.properties.values():
        structs(child, seen)
    if node.type == "array":
        structs(node.items, seen)
    if node.values is not None:
        structs(node.values, seen)
    return seen


SCALARS = {"string", "bytes", "bool", "int32", "int64", "double"}


def marks(definition: str) -> dict[str, bool]:
    """Of each list, map and scalar of a message whether Go shows it empty or zero, those of
    inlined messages among them."""
    name = definition.replace("io.k8s.", "k8s.io.", 1)
    name = name.replace("kube-aggregator", "kube_aggregator")
    name = name.replace("apiextensions-apiserver", "apiextensions_apiserver")
    return _marks(name)


def _marks(name: str) -> dict[str, bool]:
    found: dict[str, bool] = {}
    for field in message(name).values():
        if field.inline:
            found |= _marks(field.type)
        elif field.shape != "one" or field.type in SCALARS:
            found[field.name] = field.keep_zero or field.pointer
    return found


@pytest.mark.parametrize("resource", BUILTIN, ids=lambda r: f"{r.api_version}/{r.kind}")
def test_what_is_left_out_is_what_go_leaves_out(resource: Resource) -> None:
    looked_at = 0
    for definition, node in structs(
        builtin_schema(resource.api_version, resource.kind).root, {}
    ).items():
        if definition.endswith(("JSON", "JSONSchemaPropsOrArray")):
            continue
        for name, kept in marks(definition).items():
            if name not in node.properties or name in REQUIRED:
                continue
            assert omits_empty(node, name) is not kept, (definition, name)
            looked_at += 1
    assert looked_at >= 5  # those of the metadata at least


def decoded(api_version: str, kind: str, obj: dict[str, Any], **how: bool) -> dict[str, Any]:
    found = deepcopy(obj)
    assert builtin_schema(api_version, kind).decode(found, **how) == []
    return found


def test_empty_lists_and_maps_go_and_empty_structs_stay() -> None:
    pod = {
        "metadata": {"name": "p", "labels": {}, "annotations": {"a": ""}, "ownerReferences": []},
        "spec": {
            "containers": [],
            "tolerations": [],
            "nodeSelector": {},
            "securityContext": {},
            "affinity": {"podAffinity": {}},
            "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "projected": {"sources": []}}],
        },
    }
    assert decoded("v1", "Pod", pod) == {
        "metadata": {"name": "p", "annotations": {"a": ""}},
        "spec": {
            "containers": [],
            "securityContext": {},
            "affinity": {"podAffinity": {}},
            "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "projected": {"sources": []}}],
        },
    }
    assert decoded("v1", "Pod", pod, keep_empty=True) == pod


def test_a_policy_for_every_pod_keeps_its_selectors() -> None:
    policy = {
        "spec": {
            "podSelector": {"matchLabels": {}},
            "ingress": [{"from": [{"namespaceSelector": {}}]}, {}],
            "egress": [],
        }
    }
    assert decoded("networking.k8s.io/v1", "NetworkPolicy", policy) == {
        "spec": {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}}]}, {}]}
    }


def test_rules_and_subjects() -> None:
    role = {"rules": [], "metadata": {}}
    assert decoded("rbac.authorization.k8s.io/v1", "Role", role) == role
    binding = {"subjects": [], "roleRef": {"apiGroup": "", "kind": "", "name": ""}}
    assert decoded("rbac.authorization.k8s.io/v1", "RoleBinding", binding) == {
        "roleRef": {"apiGroup": "", "kind": "", "name": ""}
    }


def test_zeros_go_unless_they_are_pointers_or_always_shown() -> None:
    pod = {
        "metadata": {"name": "p", "generateName": "", "namespace": "", "generation": 0},
        "spec": {
            "containers": [{"name": "", "image": "", "tty": False, "stdin": True, "command": [""]}],
            "hostNetwork": False,
            "hostname": "",
            "priority": 0,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "nodeSelector": {"a": ""},
        },
        "status": {"containerStatuses": [{"restartCount": 0, "ready": False, "containerID": ""}]},
    }
    assert decoded("v1", "Pod", pod) == {
        "metadata": {"name": "p"},
        "spec": {
            "containers": [{"name": "", "stdin": True, "command": [""]}],
            "priority": 0,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "nodeSelector": {"a": ""},
        },
        "status": {"containerStatuses": [{"restartCount": 0, "ready": False}]},
    }
    assert decoded("v1", "Pod", pod, keep_empty=True) == pod


def test_data_that_is_null_or_empty_is_none() -> None:
    for nothing in (None, {}):
        assert decoded("v1", "ConfigMap", {"data": nothing, "binaryData": {"a": ""}}) == {
            "binaryData": {"a": ""}
        }
