"""What a webhook is shown of a request, and how its changes come back.

Most are shown the object itself. A webhook that asks for an equivalent version sees it converted;
of `scale` it sees a Scale, of a connection the options of that connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from grappe.api import Object
from grappe.api.schema import builtin_schema
from grappe.apiserver.registry.interface import AdmissionRequest, ServedResource
from grappe.apiserver.registry.jsonpath import set_at, value_at
from grappe.apiserver.registry.subresources.scale import scale_of
from grappe.apiserver.registry.versions import in_version
from grappe.apiserver.registry.writing import default

_OWN_BODIES = frozenset(("binding", "eviction", "token"))
"""Subresources whose objects are no form of the object they belong to."""


class Shown(NamedTuple):
    """`kind` and `request_kind` are GroupVersionKinds: of what is shown, and of the request."""

    kind: Object
    request_kind: Object
    obj: Object | None
    old: Object | None


async def show(request: AdmissionRequest, version: ServedResource) -> Shown:
    """The request's objects as a webhook that asked for `version` sees them."""
    served, obj, old = request.served, request.obj, request.old
    subresource = request.info.subresource
    if subresource == "scale" and served.scale is not None:
        scales = [None if whole is None else scale_of(served, whole) for whole in (obj, old)]
        kind = _kind({"kind": "Scale", "apiVersion": "autoscaling/v1"})
        return Shown(kind, kind, *scales)
    if _is_own_body(request):
        kind = _kind(obj or {})
        return Shown(kind, kind, obj, old)
    asked = _kind_of(served)
    if version is served:
        return Shown(asked, asked, obj, old)
    return Shown(
        _kind_of(version),
        asked,
        None if obj is None else await in_version(obj, served, version),
        None if old is None else await in_version(old, served, version),
    )


async def take_back(request: AdmissionRequest, version: ServedResource, changed: Object) -> None:
    """Make the request's object what a webhook made of what it was shown. DecodingError or
    ValueError when it is no such object any more."""
    served = request.served
    if request.info.subresource == "scale" and served.scale is not None:
        assert request.obj is not None
        replicas = value_at(changed, ".spec.replicas") or 0
        if not isinstance(replicas, int):
            raise ValueError("spec.replicas of a Scale must be an integer")
        set_at(request.obj, served.scale.spec_replicas, replicas)
        return
    if _is_own_body(request):
        before = request.obj or {}
        _same_kind(before, changed)
        builtin_schema(before["apiVersion"], before["kind"]).decode(changed)
        request.obj = changed
        return
    if version is not served:
        _same_kind(_type_of(version), changed)
        changed = await in_version(changed, version, served)
    _same_kind(_type_of(served), changed)
    served.schema.decode(changed)
    if not isinstance(changed.get("metadata"), dict):
        raise ValueError("metadata must be an object")
    default(served, changed)
    request.obj = changed


def _is_own_body(request: AdmissionRequest) -> bool:
    return request.operation == "CONNECT" or request.info.subresource in _OWN_BODIES


def _type_of(served: ServedResource) -> Object:
    return {"apiVersion": served.resource.api_version, "kind": served.resource.kind}


def _same_kind(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    for name in ("apiVersion", "kind"):
        if found.get(name) != wanted.get(name):
            raise ValueError(f"{name} was changed from {wanted.get(name)} to {found.get(name)}")


def _kind(obj: Mapping[str, Any]) -> Object:
    group, _, version = str(obj.get("apiVersion") or "").rpartition("/")
    return {"group": group, "version": version, "kind": obj.get("kind") or ""}


def _kind_of(served: ServedResource) -> Object:
    resource = served.resource
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}
