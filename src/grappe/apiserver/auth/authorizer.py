"""May they? system:masters, then the Node rules, then RBAC; the first that allows decides.

https://kubernetes.io/docs/reference/access-authn-authz/authorization/
"""

from __future__ import annotations

from grappe.api.errors import ApiError
from grappe.apiserver.auth.action import Action
from grappe.apiserver.auth.names import MASTERS
from grappe.apiserver.auth.node.authorizer import NodeAuthorizer
from grappe.apiserver.auth.node.identity import node_of
from grappe.apiserver.auth.rbac.evaluator import RbacEvaluator
from grappe.apiserver.auth.rbac.rules import ALL, Rule
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.interface import RequestInfo


class Authorizer:
    """`authorize` for requests; `allows` and `reason` for whoever asks on another's behalf."""

    def __init__(self, nodes: NodeAuthorizer, rbac: RbacEvaluator) -> None:
        self._nodes = nodes
        self._rbac = rbac

    def authorize(self, user: User, info: RequestInfo) -> None:
        """Return if allowed; ApiError 403 with Kubernetes' message."""
        if MASTERS in user.groups or self._rbac.remembers(user, info):
            return
        action = Action.of(info)
        if not self.allows(user, action):
            raise forbidden(user, action, self.refusal_reason(user, action))

    def allows(self, user: User, action: Action) -> bool:
        if MASTERS in user.groups:
            return True
        if action.path:
            return self._rbac.allows_path(user, action.verb, action.path)
        return self._rbac.allows(user, *action[:6]) or self._nodes.judge(user, action) is None

    def reason(self, user: User, action: Action) -> str:
        """By what an allowed action is allowed; empty when RBAC has nothing to do with it."""
        if MASTERS in user.groups:
            return ""
        if action.path:
            return self._rbac.path_reason(user, action.verb, action.path)
        if self._nodes.judge(user, action) is None:
            return ""
        return self._rbac.reason(user, *action[:6])

    def refusal_reason(self, user: User, action: Action) -> str:
        """What each authorizer has to say about an action that none allows; often nothing."""
        node = "" if action.path else self._nodes.judge(user, action) or ""
        missing = self.evaluation_error(user, action.namespace)
        return "\n".join(filter(None, (node, f"RBAC: {missing}" if missing else "")))

    def evaluation_error(self, user: User, namespace: str) -> str:
        """Which of the roles bound to the user do not exist."""
        return _told_missing(self._rbac.missing_roles(user, namespace))

    def unlisted(self, user: User) -> str:
        """Why `rules` does not say everything the user may do; empty when it does."""
        if node_of(user) is None:
            return ""
        return "node authorizer does not support user rule resolution"

    def rules(self, user: User, namespace: str) -> list[Rule]:
        """What the user may do in `namespace`, as rules."""
        if MASTERS in user.groups:
            return [
                Rule(frozenset([ALL]), frozenset([ALL]), frozenset([ALL])),
                Rule(frozenset([ALL]), paths=(ALL,)),
            ]
        return list(self._rbac.rules(user, namespace))


def _told_missing(missing: list[str]) -> str:
    if not missing:
        return ""
    return missing[0] if len(missing) == 1 else f"[{', '.join(missing)}]"


def forbidden(user: User, action: Action, reason: str = "") -> ApiError:
    """403 as kube-apiserver words it."""
    verb, group, resource, subresource, namespace, name, path, _ = action
    who = f'User "{_escaped(user.name)}" cannot {verb}'
    if path:
        why = f'{who} path "{_escaped(path)}"'
    else:
        what = f"{resource}/{subresource}" if subresource else resource
        why = f'{who} resource "{what}" in API group "{group}"'
        why += f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
    if reason:
        why += f": {reason}"
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
