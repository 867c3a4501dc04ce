"""What operations take and give, in OpenAPI v3: media types, schemas and statuses, as Kubernetes'
own documents say it (https://kubernetes.io/docs/reference/using-api/api-concepts/). Refusals are a
Status each and are left out, but for 401.
"""

from __future__ import annotations

from grappe.api import Object

_SCHEMAS = "#/components/schemas/"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_TEXT = ("application/json", "application/yaml")
_PROTOBUF = "application/vnd.kubernetes.protobuf"
_WATCHES = ("application/json;stream=watch", f"{_PROTOBUF};stream=watch")
_STATUSES = {
    "post": ("200", "201", "202"),
    "put": ("200", "201"),
    "patch": ("200", "201"),
    "delete": ("200", "202"),
}
SHOWN_WHEN_DELETED = frozenset(
    (
        *("/persistentvolumeclaims", "/persistentvolumes", "/pods", "/podtemplates"),
        *("/resourcequotas", "/serviceaccounts", "/services"),
        *("resource.k8s.io/deviceclasses", "resource.k8s.io/resourceclaims"),
        *("resource.k8s.io/resourceclaimtemplates", "resource.k8s.io/resourceslices"),
        *("storage.k8s.io/csidrivers", "storage.k8s.io/csinodes"),
        *("storage.k8s.io/storageclasses", "storage.k8s.io/volumeattachments"),
        "storage.k8s.io/volumeattributesclasses",
    )
)
"""Buckets of which a deletion answers the object, not a Status."""
_MEANING = {"200": "OK", "201": "Created", "202": "Accepted"}


def request_body(action: str, kind: str, patches: tuple[str, ...]) -> Object | None:
    """What an operation takes; `kind` is the definition of its object."""
    if action in ("post", "put"):
        return {"content": {"*/*": _media(kind)}, "required": True}
    if action == "patch":
        return {"content": {type_: _media(f"{_META}Patch") for type_ in patches}, "required": True}
    if action in ("delete", "deletecollection"):
        return {"content": {"*/*": _media(f"{_META}DeleteOptions")}}
    return None


def responses(action: str, kind: str, bucket: str, *, custom: bool) -> Object:
    """What an operation on the resource kept in `bucket` gives."""
    if action == "deletecollection" or (action == "delete" and bucket not in SHOWN_WHEN_DELETED):
        kind = f"{_META}Status"
    elif action == "list":
        kind += "List"
    types = _TEXT if custom else (*_TEXT, _PROTOBUF)
    if action == "list":
        types = (*types, *_WATCHES[: 1 if custom else 2])
    content = {type_: _media(kind) for type_ in types}
    found: Object = {
        status: {"description": _MEANING[status], "content": content}
        for status in _STATUSES.get(action, ("200",))
    }
    return found | {"401": {"description": "Unauthorized"}}


def _media(definition: str) -> Object:
    return {"schema": {"$ref": _SCHEMAS + definition}}
