"""A request as CEL expressions see it."""

from __future__ import annotations

from typing import Any

from grappe.api import Object
from grappe.api.cel.admission import REQUEST_RESOURCE, namespace_adapter
from grappe.api.cel.functions.authorizer import (
    Access,
    Attributes,
    Authorizer,
    Decision,
    ResourceCheck,
)
from grappe.apiserver.admission.review_fields import review_fields
from grappe.apiserver.auth.action import Action
from grappe.apiserver.auth.authorizer import Authorizer as Rules
from grappe.apiserver.auth.names import (
    AUTHENTICATED,
    service_account_groups,
    service_account_user,
)
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.interface import AdmissionRequest, ServedResource


class UserAccess:
    """What one user may do, for the variable `authorizer`. Answers are remembered: policies of
    one request ask the same."""

    def __init__(self, rules: Rules, user: User) -> None:
        self._rules = rules
        self._user = user
        self._known: dict[Attributes, Decision] = {}

    def check(self, attributes: Attributes) -> Decision:
        found = self._known.get(attributes)
        if found is None:
            verb, group, resource, subresource, namespace, name, path = attributes
            action = Action(verb, group, resource, subresource, namespace, name, path)
            allowed = self._rules.allows(self._user, action)
            found = Decision(allowed, self._rules.reason(self._user, action) if allowed else "")
            self._known[attributes] = found
        return found

    def service_account(self, namespace: str, name: str) -> Access:
        groups = (*service_account_groups(namespace), AUTHENTICATED)
        return UserAccess(self._rules, User(service_account_user(namespace, name), groups))


def authorizer_inputs(rules: Rules, request: AdmissionRequest) -> Object:
    """`authorizer` and `authorizer.requestResource`."""
    access = UserAccess(rules, request.user)
    info = request.info
    asked = Attributes(
        "", info.group, info.plural, info.subresource, request.namespace, request.name
    )
    return {"authorizer": Authorizer(access), REQUEST_RESOURCE: ResourceCheck(access, asked)}


def namespace_input(namespace: Object | None) -> Any:
    """`namespaceObject`."""
    if namespace is None:
        return None
    return namespace_adapter()(namespace)


def request_input(request: AdmissionRequest, version: ServedResource | None = None) -> Object:
    """`request`; `version` is that of the object shown where it is not the request's own."""
    about = request.obj or request.old or {}
    asked, shown = request.served.resource, (version or request.served).resource
    kind = _kind(about, asked.group, asked.version, asked.kind)
    shown_kind = kind
    if shown is not asked:
        shown_kind = _kind({}, shown.group, shown.version, shown.kind)
    return review_fields(request, shown, shown_kind, kind)


def _kind(about: Object, group: str, version: str, kind: str) -> Object:
    said = about.get("apiVersion")
    if isinstance(said, str) and about.get("kind"):
        group, _, version = said.rpartition("/")
        kind = str(about["kind"])
    return {"group": group, "version": version, "kind": kind}
