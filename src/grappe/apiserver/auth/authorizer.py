"""May they? system:masters, then the Node rules, then RBAC; the first that allows decides.

https://kubernetes.io/docs/reference/access-authn-authz/authorization/
"""

from __future__ import annotations

from typing import NamedTuple

from grappe.api.errors import ApiError
from grappe.apiserver.auth.names import MASTERS, NODES
from grappe.apiserver.auth.node_rules import NODE_RULES, node_allows
from grappe.apiserver.auth.rbac.evaluator import RbacEvaluator
from grappe.apiserver.auth.rbac.rules import ALL, Rule, compile_rules
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.interface import RequestInfo


class Action(NamedTuple):
    """What authorization judges. For a path that is no resource's only `verb` and `path` count."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @classmethod
    def of(cls, info: RequestInfo) -> Action:
        if not info.resource_request:
            return cls(info.verb, path=info.path)
        return cls(info.verb, info.group, info.plural, info.subresource, info.namespace, info.name)


class Authorizer:
    """`authorize` for requests; `allows` and `reason` for whoever asks on another's behalf."""

    def __init__(self, rbac: RbacEvaluator) -> None:
        self._rbac = rbac

    def authorize(self, user: User, info: RequestInfo) -> None:
        """Return if allowed; ApiError 403 with Kubernetes' message."""
        if MASTERS in user.groups:
            return
        action = Action.of(info)
        if not self.allows(user, action):
            raise forbidden(user, action, self._rbac.missing_roles(user, action.namespace))

    def allows(self, user: User, action: Action) -> bool:
        if MASTERS in user.groups:
            return True
        verb, group, resource, subresource, namespace, name, path = action
        if path:
            return self._rbac.allows_path(user, verb, path)
        return node_allows(user, verb, group, resource, subresource) or self._rbac.allows(
            user, verb, group, resource, subresource, namespace, name
        )

    def reason(self, user: User, action: Action) -> str:
        """Why an action is allowed, or what is wrong with the roles that might allow it."""
        if MASTERS in user.groups:
            return ""
        verb, group, resource, subresource, namespace, name, path = action
        if path:
            return self._rbac.path_reason(user, verb, path)
        if node_allows(user, verb, group, resource, subresource):
            return ""
        return self._rbac.reason(user, verb, group, resource, subresource, namespace, name)

    def evaluation_error(self, user: User, namespace: str) -> str:
        """Which of the roles bound to the user do not exist."""
        return _told_missing(self._rbac.missing_roles(user, namespace))

    def rules(self, user: User, namespace: str) -> list[Rule]:
        """Everything the user may do in `namespace`, as rules."""
        if MASTERS in user.groups:
            return [
                Rule(frozenset([ALL]), frozenset([ALL]), frozenset([ALL])),
                Rule(frozenset([ALL]), paths=(ALL,)),
            ]
        found = list(self._rbac.rules(user, namespace))
        if NODES in user.groups:
            found += compile_rules(NODE_RULES)
        return found


def _told_missing(missing: list[str]) -> str:
    if not missing:
        return ""
    return missing[0] if len(missing) == 1 else f"[{', '.join(missing)}]"


def forbidden(user: User, action: Action, missing_roles: list[str]) -> ApiError:
    """403 as kube-apiserver words it."""
    verb, group, resource, subresource, namespace, name, path = action
    who = f'User "{_escaped(user.name)}" cannot {verb}'
    if path:
        why = f'{who} path "{_escaped(path)}"'
    else:
        what = f"{resource}/{subresource}" if subresource else resource
        why = f'{who} resource "{what}" in API group "{group}"'
        why += f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
    if missing_roles:
        why += f": RBAC: {_told_missing(missing_roles)}"
    details: dict[str, object] = {}
    if path:
        return ApiError(403, "Forbidden", f"forbidden: {why}", details)
    qualified = f"{resource}.{group}" if group else resource
    if name:
        details["name"] = name
        qualified = f'{qualified} "{name}"'
    if group:
        details["group"] = group
    details["kind"] = resource
    return ApiError(403, "Forbidden", f"{qualified} is forbidden: {why}", details)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
