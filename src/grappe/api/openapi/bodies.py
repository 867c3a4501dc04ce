"""What operations take and give: media types, schemas and statuses, as Kubernetes'
own documents say it (https://kubernetes.io/docs/reference/using-api/api-concepts/). Refusals are a
Status each and are left out, but for 401.
"""

from __future__ import annotations

from grappe.api import Object

_SCHEMAS = "#/components/schemas/"
_DEFINITIONS = "#/definitions/"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_OPTIONS = f"{_META}DeleteOptions"
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
    """What an operation takes, in v3; `kind` is the definition of its object."""
    if (taken := _taken(action, kind)) is None:
        return None
    types = patches if action == "patch" else ("*/*",)
    body: Object = {"content": {type_: _media(taken) for type_ in types}}
    return body if taken == _OPTIONS else body | {"required": True}


def body_parameter(action: str, kind: str) -> Object | None:
    """What an operation takes, as v2 says it: a parameter."""
    if (taken := _taken(action, kind)) is None:
        return None
    body: Object = {"name": "body", "in": "body", "schema": {"$ref": _DEFINITIONS + taken}}
    return body if taken == _OPTIONS else body | {"required": True}


def responses(action: str, kind: str, bucket: str, *, custom: bool) -> Object:
    """What an operation on the resource kept in `bucket` gives, in v3."""
    given = _given(action, kind, bucket)
    return _by_status(action, {"content": {t: _media(given) for t in produced(action, custom)}})


def v2_responses(action: str, kind: str, bucket: str) -> Object:
    """What an operation on the resource kept in `bucket` gives, in v2."""
    return _by_status(action, {"schema": {"$ref": _DEFINITIONS + _given(action, kind, bucket)}})


def produced(action: str, custom: bool) -> tuple[str, ...]:
    """The media types of an operation's answers."""
    types = _TEXT if custom else (*_TEXT, _PROTOBUF)
    return (*types, *_WATCHES[: 1 if custom else 2]) if action == "list" else types


def _taken(action: str, kind: str) -> str | None:
    if action in ("delete", "deletecollection"):
        return _OPTIONS
    return {"post": kind, "put": kind, "patch": f"{_META}Patch"}.get(action)


def _given(action: str, kind: str, bucket: str) -> str:
    if action == "deletecollection" or (action == "delete" and bucket not in SHOWN_WHEN_DELETED):
        return f"{_META}Status"
    return f"{kind}List" if action == "list" else kind


def _by_status(action: str, given: Object) -> Object:
    found: Object = {
        status: {"description": _MEANING[status], **given}
        for status in _STATUSES.get(action, ("200",))
    }
    return found | {"401": {"description": "Unauthorized"}}


def _media(definition: str) -> Object:
    return {"schema": {"$ref": _SCHEMAS + definition}}
