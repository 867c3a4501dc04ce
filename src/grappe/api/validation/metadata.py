"""`metadata` of every kind
(https://kubernetes.io/docs/concepts/overview/working-with-objects/names/)."""

from __future__ import annotations

from collections.abc import Callable

from grappe.api import Object, names
from grappe.api.causes import invalid, required, too_long
from grappe.api.resources import Resource, builtin_kind
from grappe.api.validation.rules import Causes, label_map

_ANNOTATIONS_MAX = 256 * 1024
_RBAC = "rbac.authorization.k8s.io"
_LABEL_NAMED = {("", "namespaces")}
_RESERVED_FINALIZERS = ("kubernetes", "foregroundDeletion", "orphan")


def name_check(resource: Resource) -> Callable[[str], list[str]]:
    """The rule that names of a kind follow."""
    if resource.group in (_RBAC, "apiregistration.k8s.io"):
        return names.path_segment_problems
    if (resource.group, resource.plural) in _LABEL_NAMED:
        return names.dns_label_problems
    if (resource.group, resource.plural) == ("", "services"):
        return names.dns_1035_label_problems
    return names.dns_subdomain_problems


def validate(resource: Resource, metadata: Object) -> Causes:
    """Name, namespace, labels, annotations, owners and finalizers."""
    check = name_check(resource)
    generate = metadata.get("generateName")
    if generate and not metadata.get("name"):
        for problem in check(generate.removesuffix("-") or generate):
            yield invalid("metadata.generateName", generate, problem)
    if metadata.get("name"):
        for problem in check(metadata["name"]):
            yield invalid("metadata.name", metadata["name"], problem)
    if resource.namespaced and not metadata.get("namespace"):
        yield required("metadata.namespace")
    yield from label_map(metadata.get("labels"), "metadata.labels")
    yield from annotations_problems(metadata.get("annotations") or {})
    yield from _owners(metadata.get("ownerReferences") or [])
    # Of custom resources any qualified name will do.
    built_in = builtin_kind(resource.api_version, resource.kind) is not None
    for i, finalizer in enumerate(metadata.get("finalizers") or []):
        for problem in names.qualified_name_problems(finalizer):
            yield invalid("metadata.finalizers", finalizer, problem)
        if built_in and "/" not in finalizer and finalizer not in _RESERVED_FINALIZERS:
            detail = "name is neither a standard finalizer name nor is it fully qualified"
            yield invalid(f"metadata.finalizers[{i}]", finalizer, detail)


def annotations_problems(annotations: Object) -> Causes:
    size = 0
    for key, value in annotations.items():
        for problem in names.qualified_name_problems(key.lower()):
            yield invalid("metadata.annotations", key, problem)
        size += len(key.encode()) + len(value.encode())
    if size > _ANNOTATIONS_MAX:
        yield too_long("metadata.annotations", _ANNOTATIONS_MAX)


def _owners(owners: list[Object]) -> Causes:
    at = "metadata.ownerReferences"
    controllers = []
    for i, owner in enumerate(owners):
        for field in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(field):
                yield invalid(f"{at}[{i}].{field}", "", "must not be empty")
        if owner.get("controller"):
            controllers.append(f"{owner.get('kind')}/{owner.get('name')}")
    if len(controllers) > 1:
        detail = (
            "Only one reference can have Controller set to true. Found "
            f'"true" in references for {controllers[0]} and {controllers[1]}'
        )
        yield invalid(at, owners, detail)
