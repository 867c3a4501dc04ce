"""`metadata` of every kind
(https://kubernetes.io/docs/concepts/overview/working-with-objects/names/)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from grappe.api import Object, names
from grappe.api.causes import invalid, required, too_long
from grappe.api.resources import Resource, builtin_kind
from grappe.api.validation.rules import (
    Causes,
    annotation_map,
    key_problems,
    label_map,
    parsed_address,
)

_RBAC = "rbac.authorization.k8s.io"
_RESERVED_FINALIZERS = ("kubernetes", "foregroundDeletion", "orphan")
_MANAGER_MAX, _SUBRESOURCE_MAX = 128, 256
_MAY_CHANGE = ("labels", "annotations", "ownerReferences", "finalizers")


def _address_problems(value: str) -> list[str]:
    """IPAddress objects are named by what they are, in its canonical spelling."""
    found = parsed_address(value)
    if found is None:
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    return [] if str(found) == value else [f"must be in canonical form ({str(found)!r})"]


_NAMED_OTHERWISE: dict[tuple[str, str], Callable[[str], list[str]]] = {
    ("", "namespaces"): names.dns_label_problems,
    ("", "services"): names.dns_1035_label_problems,
    ("networking.k8s.io", "ipaddresses"): _address_problems,
    # A name says group and version, and the rest of the object must agree.
    ("apiregistration.k8s.io", "apiservices"): names.path_segment_problems,
    # Names of signing requests and of trust bundles may hold colons.
    ("certificates.k8s.io", "certificatesigningrequests"): names.path_segment_problems,
}


@lru_cache(512)
def name_check(resource: Resource) -> Callable[[str], list[str]]:
    """The rule that names of a kind follow."""
    if resource.group == _RBAC:
        return names.path_segment_problems
    found = _NAMED_OTHERWISE.get((resource.group, resource.plural))
    return found or names.dns_subdomain_problems


@lru_cache(512)
def _is_built_in(resource: Resource) -> bool:
    return builtin_kind(resource.api_version, resource.kind) is not None


def validate(resource: Resource, metadata: Object) -> Causes:
    """Name, namespace, labels, annotations, owners and finalizers of a new object."""
    check = name_check(resource)
    generate = metadata.get("generateName")
    if generate:
        # What follows the last dash is made up.
        masked = generate[:-2] + "a" if len(generate) > 1 and generate[-1] == "-" else generate
        for problem in check(masked):
            yield invalid("metadata.generateName", generate, problem)
    if name := metadata.get("name"):
        for problem in check(name):
            yield invalid("metadata.name", name, problem)
    else:
        yield required("metadata.name", "name or generateName is required")
    if resource.namespaced and not metadata.get("namespace"):
        yield required("metadata.namespace")
    yield from _rest(resource, metadata)


def validate_update(resource: Resource, new: Object, old: Object) -> Causes:
    """What an update changes of an object's metadata; its identity is held to the URL before."""
    changed = {n: new[n] for n in _MAY_CHANGE if n in new and new[n] != old.get(n)}
    if changed:
        yield from _rest(resource, changed)


def field_manager(name: str, at: str) -> Causes:
    """The name of whoever manages fields; who gives none is named after the user agent."""
    if len(name.encode()) > _MANAGER_MAX:
        yield too_long(at, _MANAGER_MAX)
    if not name.isprintable():
        position = 0
        for character in name:
            if not character.isprintable():
                detail = f"invalid character U+{ord(character):04X} (at position {position})"
                yield invalid(at, name, detail)
            position += len(character.encode())


def managed_fields(entries: list[Object]) -> Causes:
    """What a client says in `managedFields`, as far as it can be read at all."""
    for i, entry in enumerate(entries):
        at = f"metadata.managedFields[{i}]"
        yield from field_manager(entry.get("manager") or "", f"{at}.manager")
        if len(entry.get("subresource") or "") > _SUBRESOURCE_MAX:
            yield too_long(f"{at}.subresource", _SUBRESOURCE_MAX)


def _rest(resource: Resource, metadata: Object) -> Causes:
    if labels := metadata.get("labels"):
        yield from label_map(labels, "metadata.labels")
    if annotations := metadata.get("annotations"):
        yield from annotation_map(annotations, "metadata.annotations")
    if owners := metadata.get("ownerReferences"):
        yield from _owners(owners)
    if finalizers := metadata.get("finalizers"):
        yield from _finalizers(finalizers, built_in=_is_built_in(resource))


def _finalizers(finalizers: list[str], *, built_in: bool) -> Causes:
    """Of custom resources any qualified name will do."""
    for finalizer in finalizers:
        for problem in key_problems(finalizer):
            yield invalid("metadata.finalizers", finalizer, problem)
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        detail = "finalizer orphan and foregroundDeletion cannot be both set"
        yield invalid("metadata.finalizers", finalizers, detail)
    if built_in:
        for i, finalizer in enumerate(finalizers):
            yield from standard_finalizer(finalizer, f"metadata.finalizers[{i}]")


def standard_finalizer(finalizer: str, at: str) -> Causes:
    """Kubernetes' own, or qualified by whose it is."""
    if "/" not in finalizer and finalizer not in _RESERVED_FINALIZERS:
        detail = "name is neither a standard finalizer name nor is it fully qualified"
        yield invalid(at, finalizer, detail)


def _owners(owners: list[Object]) -> Causes:
    at = "metadata.ownerReferences"
    first = ""
    for owner in owners:
        version = owner.get("apiVersion") or ""
        if not version.rpartition("/")[2]:
            yield invalid(f"{at}.apiVersion", version, "version must not be empty")
        for field in ("kind", "name", "uid"):
            if not owner.get(field):
                yield invalid(f"{at}.{field}", "", "must not be empty")
        if version == "v1" and owner.get("kind") == "Event":
            yield invalid(at, owner, "/v1, Kind=Event is disallowed from being an owner")
        if owner.get("controller"):
            this = f"{owner.get('kind')}/{owner.get('name')}"
            if first:
                detail = (
                    "Only one reference can have Controller set to true. Found "
                    f'"true" in references for {first} and {this}'
                )
                yield invalid(at, owners, detail)
            else:
                first = this
