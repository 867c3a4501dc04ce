"""The paths of resources: which verbs they have, of which kind, with which parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from grappe.api import Object
from grappe.api.openapi.bodies import (
    body_parameter,
    produced,
    request_body,
    responses,
    v2_responses,
)
from grappe.api.openapi.operations import operation_id, tag
from grappe.api.resources import Resource, builtin_kind
from grappe.api.schema.definitions import definition_of_kind

Dialect = Literal["v2", "v3"]

# verb → (HTTP method, x-kubernetes-action, on the collection?, query parameters)
_VERBS: dict[str, tuple[str, str, bool, tuple[str, ...]]] = {
    "list": (
        "get",
        "list",
        True,
        (
            "allowWatchBookmarks",
            "continue",
            "fieldSelector",
            "labelSelector",
            "limit",
            "resourceVersion",
            "resourceVersionMatch",
            "sendInitialEvents",
            "timeoutSeconds",
            "watch",
        ),
    ),
    "create": ("post", "post", True, ("dryRun", "fieldManager", "fieldValidation")),
    "deletecollection": (
        "delete",
        "deletecollection",
        True,
        (
            "continue",
            "dryRun",
            "fieldSelector",
            "gracePeriodSeconds",
            "labelSelector",
            "limit",
            "orphanDependents",
            "propagationPolicy",
        ),
    ),
    "get": ("get", "get", False, ()),
    "update": ("put", "put", False, ("dryRun", "fieldManager", "fieldValidation")),
    "patch": ("patch", "patch", False, ("dryRun", "fieldManager", "fieldValidation", "force")),
    "delete": (
        "delete",
        "delete",
        False,
        ("dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy"),
    ),
}
_BOOLEANS = frozenset(
    {"allowWatchBookmarks", "force", "orphanDependents", "sendInitialEvents", "watch"}
)
_INTEGERS = frozenset({"gracePeriodSeconds", "limit", "timeoutSeconds"})
_PATCHES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
_READ_WRITE = ("get", "update", "patch")


def paths(resources: Iterable[Resource], dialect: Dialect) -> Object:
    """Path → path item of every resource."""
    found: Object = {}
    for resource in resources:
        root, tail = resource.root, f"/{resource.plural}"
        prefix = "/namespaces/{namespace}" if resource.namespaced else ""
        collection = f"{root}{prefix}{tail}"
        for path, on_collection in ((collection, True), (f"{collection}/{{name}}", False)):
            operations = {
                _VERBS[verb][0]: _operation(resource, verb, dialect)
                for verb in _VERBS
                if verb in resource.verbs and _VERBS[verb][2] is on_collection
            }
            if operations:
                found[path] = operations | _path_parameters(path, dialect)
        if resource.namespaced and "list" in resource.verbs:
            found[f"{root}{tail}"] = {"get": _operation(resource, "list", dialect, everywhere=True)}
        if "status" in resource.subresources:
            path = f"{collection}/{{name}}/status"
            found[path] = {
                _VERBS[verb][0]: _operation(resource, verb, dialect, "status")
                for verb in _READ_WRITE
            } | _path_parameters(path, dialect)
    return found


def _operation(
    resource: Resource,
    verb: str,
    dialect: Dialect,
    subresource: str = "",
    *,
    everywhere: bool = False,
) -> Object:
    _, action, _, parameters = _VERBS[verb]
    custom = builtin_kind(resource.api_version, resource.kind) is None
    # kubectl apply sends a strategic merge patch wherever this offers one.
    patches = _PATCHES[:-1] if custom else _PATCHES
    operation: Object = {
        "operationId": operation_id(resource, verb, subresource, everywhere=everywhere),
        "tags": [tag(resource)],
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": gvk(resource),
        "parameters": [_parameter(name, "query", dialect) for name in parameters],
    }
    kind = definition_name(resource)
    if dialect == "v2":
        operation["responses"] = v2_responses(action, kind, resource.bucket)
        operation["produces"] = list(produced(action, custom))
        operation["consumes"] = list(patches) if action == "patch" else ["*/*"]
        if (body := body_parameter(action, kind)) is not None:
            operation["parameters"].insert(0, body)
        return operation
    operation["responses"] = responses(action, kind, resource.bucket, custom=custom)
    if (taken := request_body(action, kind, patches)) is not None:
        operation["requestBody"] = taken
    return operation


def definition_name(resource: Resource) -> str:
    """The definition of a kind; of a custom one `io.argoproj.v1alpha1.Application`."""
    known = definition_of_kind(resource.api_version, resource.kind)
    if known is not None:
        return known
    return ".".join([*reversed(resource.group.split(".")), resource.version, resource.kind])


def gvk(resource: Resource) -> Object:
    return {"group": resource.group, "kind": resource.kind, "version": resource.version}


def _parameter(name: str, place: str, dialect: Dialect) -> Object:
    kind = "boolean" if name in _BOOLEANS else "integer" if name in _INTEGERS else "string"
    schema: Object = {"type": kind, "uniqueItems": True}
    found: Object = {"name": name, "in": place}
    if place == "path":
        found["required"] = True
    return found | (schema if dialect == "v2" else {"schema": schema})


def _path_parameters(path: str, dialect: Dialect) -> dict[str, Any]:
    names = [name for name in ("name", "namespace") if f"{{{name}}}" in path]
    return {"parameters": [_parameter(n, "path", dialect) for n in names]} if names else {}
