"""`scale`: the number of replicas of anything, as an autoscaling/v1 Scale.

https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/scale-v1/
"""

from __future__ import annotations

from typing import Any

from grappe.api import Object, printers
from grappe.api.errors import (
    Cause,
    invalid,
    method_not_allowed,
    not_acceptable,
    not_found,
    unsupported_media_type,
)
from grappe.api.patch import json_patch, merge_patch
from grappe.api.selectors import label_selector_from_object, label_selector_from_set
from grappe.apiserver.http.messages import Response
from grappe.apiserver.registry.answers import answer_object
from grappe.apiserver.registry.backend import Backend, Call
from grappe.apiserver.registry.codec import decode
from grappe.apiserver.registry.decoding import check_kind, media_type
from grappe.apiserver.registry.interface import ScalePaths, ServedResource
from grappe.apiserver.registry.jsonpath import set_at, value_at
from grappe.apiserver.registry.negotiation import Form, negotiate
from grappe.apiserver.registry.parameters import write_options
from grappe.apiserver.registry.subresources.bodies import read_kind
from grappe.apiserver.registry.table import included, row, table
from grappe.apiserver.registry.verbs import patch_document
from grappe.apiserver.registry.versions import shown
from grappe.apiserver.registry.writing import update_object

_VERSION = "autoscaling/v1"
_MERGES = ("application/merge-patch+json", "application/strategic-merge-patch+json")
_JSON_PATCH = "application/json-patch+json"


async def get_scale(backend: Backend, call: Call) -> Response:
    record = backend.store.get(call.served.bucket, call.key)
    resource = call.served.resource
    if record is None:
        raise not_found(resource.plural, call.info.name, resource.group)
    found = await shown(call.served, record)
    return _show(backend, call, decode(call.served, found), _form(call))


async def change_scale(backend: Backend, call: Call) -> Response:
    """PUT or PATCH of a Scale sets the number of replicas."""
    served = call.served
    paths, form = _paths(served), _form(call)
    if call.info.verb == "update":
        body = read_kind(call, "Scale", _VERSION)
        options = write_options(call.info.query, call.request.headers, "UpdateOptions")

        def wanted(live: Object) -> Object:
            return body

    elif call.info.verb == "patch":
        options = write_options(call.info.query, call.request.headers, "PatchOptions")
        kind = media_type(call.request.headers)
        if kind not in (*_MERGES, _JSON_PATCH):
            accepted = ", ".join((_JSON_PATCH, *_MERGES))
            raise unsupported_media_type(
                "the body of the request was in an unknown format - accepted media types include: "
                + accepted
            )
        document = patch_document(call.request.body)

        def wanted(live: Object) -> Object:
            scale = scale_of(served, live)
            made: Object = (json_patch if kind == _JSON_PATCH else merge_patch)(scale, document)
            check_kind(made, _VERSION, "Scale")
            return made

    else:
        raise method_not_allowed(call.info.plural, call.info.group)

    def change(live: Object) -> Object:
        scale = wanted(live)
        replicas = value_at(scale, ".spec.replicas")
        _check(call, 0 if replicas is None else replicas)
        set_at(live, paths.spec_replicas, 0 if replicas is None else replicas)
        said = scale.get("metadata") or {}
        live["metadata"]["resourceVersion"] = (
            said.get("resourceVersion") or live["metadata"]["resourceVersion"]
        )
        if said.get("uid"):
            live["metadata"]["uid"] = said["uid"]
        return live

    written = await update_object(backend, call, change, options, subresource="scale", retry=True)
    return _show(backend, call, decode(served, written.record), form)


def _check(call: Call, replicas: Any) -> None:
    if isinstance(replicas, int) and replicas >= 0:
        return
    message = f"Invalid value: {replicas}: must be greater than or equal to 0"
    raise invalid(
        "Scale",
        call.info.name,
        [Cause("spec.replicas", "FieldValueInvalid", message)],
        "autoscaling",
    )


def _paths(served: ServedResource) -> ScalePaths:
    assert served.scale is not None  # it is a subresource only where there is one
    return served.scale


def scale_of(served: ServedResource, obj: Object) -> Object:
    """The Scale of an object."""
    paths, metadata = _paths(served), obj["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status: Object = {"replicas": value_at(obj, paths.status_replicas) or 0}
    selector = _selector(served, obj)
    if selector:
        status["selector"] = selector
    wanted = value_at(obj, paths.spec_replicas) or 0
    return {
        "kind": "Scale",
        "apiVersion": _VERSION,
        "metadata": {name: metadata[name] for name in kept if name in metadata},
        "spec": {"replicas": wanted} if wanted else {},
        "status": status,
    }


def _selector(served: ServedResource, obj: Object) -> str:
    if served.custom:
        found = value_at(obj, _paths(served).selector) if _paths(served).selector else None
        return found if isinstance(found, str) else ""
    selector = obj["spec"].get("selector")
    if served.resource.group == "":
        return str(label_selector_from_set(selector))
    return str(label_selector_from_object(selector))


def _form(call: Call) -> Form:
    """A Scale is a built-in kind, whatever it is the scale of; ApiError 406 for a list's form."""
    form = negotiate(call.request.headers.get("accept", ""))
    if form.shape == "PartialObjectMetadataList":
        raise not_acceptable(
            "you requested PartialObjectMetadataList, but the requested object is not a list "
            "(*autoscaling.Scale)"
        )
    return form


def _show(backend: Backend, call: Call, obj: Object, form: Form) -> Response:
    scale = scale_of(call.served, obj)
    api_version = f"meta.k8s.io/{form.version}"
    if form.shape == "Table":
        include = included(call.info.query.get("includeObject", ""))
        cells = printers.scale_cells(scale, backend.clock.now())
        metadata = {"resourceVersion": scale["metadata"]["resourceVersion"]}
        found = table(api_version, metadata, printers.scale_columns())
        scale = {**found, "rows": [row(api_version, include, cells, scale)]}
    elif form.shape:
        scale = {
            "kind": form.shape,
            "apiVersion": api_version,
            "metadata": scale["metadata"],
        }
    return answer_object(200, scale, form, call.warnings)
