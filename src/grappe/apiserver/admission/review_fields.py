"""What webhooks and CEL expressions are told of a request alike: the fields of an
AdmissionReview's `request`.

https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#webhook-request-and-response
"""

from __future__ import annotations

from grappe.api import Object
from grappe.api.resources import Resource
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.interface import AdmissionRequest

_OPTIONS = {"CREATE": "CreateOptions", "UPDATE": "UpdateOptions", "DELETE": "DeleteOptions"}


def review_fields(
    request: AdmissionRequest, resource: Resource, kind: Object, request_kind: Object
) -> Object:
    """All but `uid`, `object` and `oldObject`. `resource` and `kind` are what is shown, which may
    be another version than what was asked for (`request_kind`)."""
    subresource = request.info.subresource
    found: Object = {
        "kind": kind,
        "resource": _resource(resource),
        "requestKind": request_kind,
        "requestResource": _resource(request.served.resource),
        "operation": request.operation,
        "userInfo": _user_info(request.user),
        "dryRun": request.dry_run,
        "options": _options(request),
    }
    if subresource:
        found["subResource"] = found["requestSubResource"] = subresource
    if request.name:
        found["name"] = request.name
    if request.namespace:
        found["namespace"] = request.namespace
    return found


def _resource(resource: Resource) -> Object:
    return {"group": resource.group, "version": resource.version, "resource": resource.plural}


def _user_info(user: User) -> Object:
    found: Object = {"username": user.name, "groups": list(user.groups)}
    if user.uid:
        found["uid"] = user.uid
    if user.extra:
        found["extra"] = {name: list(values) for name, values in user.extra.items()}
    return found


def _options(request: AdmissionRequest) -> Object | None:
    kind = _OPTIONS.get(request.operation)
    if kind is None:
        return None
    query = request.info.query
    found: Object = {
        name: value for name, value in request.options.items() if name not in ("kind", "apiVersion")
    }
    if request.dry_run:
        found["dryRun"] = ["All"]
    if request.operation != "DELETE":
        for name in ("fieldManager", "fieldValidation"):
            if query.get(name):
                found[name] = query[name]
    return {"kind": kind, "apiVersion": "meta.k8s.io/v1", **found}
