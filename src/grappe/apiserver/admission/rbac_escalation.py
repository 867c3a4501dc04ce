"""Nobody grants what they do not hold: checked where roles and bindings are written.

Kubernetes does this in its RBAC storage, not in an admission plugin; the effect is the same.
https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
"""

from __future__ import annotations

from collections.abc import Iterable

from grappe.api import Object
from grappe.api.errors import not_found
from grappe.api.resources import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.plugin import Plugin, refuse
from grappe.apiserver.auth.action import Action
from grappe.apiserver.auth.authorizer import Authorizer
from grappe.apiserver.auth.names import MASTERS
from grappe.apiserver.auth.rbac.escalation import compact, uncovered
from grappe.apiserver.auth.rbac.index import RbacIndex
from grappe.apiserver.auth.rbac.rules import Rule, compile_rules
from grappe.apiserver.registry.interface import AdmissionRequest, Operation

_ROLES = frozenset((ROLES.bucket, CLUSTER_ROLES.bucket))
_BINDINGS = frozenset((ROLE_BINDINGS.bucket, CLUSTER_ROLE_BINDINGS.bucket))
_GROUP = ROLES.group


class RbacEscalation(Plugin):
    def __init__(self, live: Live, authorizer: Authorizer, index: RbacIndex) -> None:
        self._live = live
        self._authorizer = authorizer
        self._index = index

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        return operation in ("CREATE", "UPDATE") and bucket in _ROLES | _BINDINGS

    def validate(self, request: AdmissionRequest) -> None:
        if MASTERS in request.user.groups or not self._changes(request):
            return
        if request.served.bucket in _ROLES:
            self._check_role(request)
        else:
            self._check_binding(request)

    @staticmethod
    def _changes(request: AdmissionRequest) -> bool:
        """Whether the update is about more than metadata."""
        new, old = request.obj or {}, request.old
        parts = ("rules", "aggregationRule", "subjects", "roleRef")
        return old is None or any(new.get(part) != old.get(part) for part in parts)

    def _may(self, request: AdmissionRequest, verb: str, plural: str, name: str) -> bool:
        action = Action(verb, _GROUP, plural, "", request.namespace, name)
        return self._authorizer.allows(request.user, action)

    def _check_role(self, request: AdmissionRequest) -> None:
        role = request.obj or {}
        if self._may(request, "escalate", request.served.resource.plural, request.name):
            return
        if role.get("aggregationRule") is not None:
            # It will hold whatever others put into the roles it selects.
            asked: tuple[Rule, ...] = compile_rules(
                [
                    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
                    {"verbs": ["*"], "nonResourceURLs": ["*"]},
                ]
            )
            if self._missing(request, asked):
                raise refuse(
                    request, "must have cluster-admin privileges to use an aggregationRule"
                )
        self._check_held(request, compile_rules(role.get("rules")))

    def _check_binding(self, request: AdmissionRequest) -> None:
        reference = (request.obj or {}).get("roleRef") or {}
        kind, name = reference.get("kind", ""), reference.get("name", "")
        plural = "clusterroles" if kind == "ClusterRole" else "roles"
        if self._may(request, "bind", plural, name):
            return
        rules = self._index.rules_of(kind, name, request.namespace)
        if rules is None:
            raise not_found(plural, name, _GROUP)
        self._check_held(request, rules)

    def _missing(self, request: AdmissionRequest, asked: Iterable[Rule]) -> list[Rule]:
        held = self._authorizer.rules(request.user, request.namespace)
        return uncovered(held, asked)

    def _check_held(self, request: AdmissionRequest, asked: Iterable[Rule]) -> None:
        missing = self._missing(request, asked)
        if not missing:
            return
        user = request.user
        lines = "\n".join(sorted(_told(rule.to_object()) for rule in compact(missing)))
        groups = " ".join(f'"{group}"' for group in user.groups)
        raise refuse(
            request,
            f'user "{user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions not '
            f"currently held:\n{lines}",
        )


def _told(rule: Object) -> str:
    """A rule in the short form of Kubernetes' message."""
    names = (
        ("APIGroups", "apiGroups"),
        ("Resources", "resources"),
        ("ResourceNames", "resourceNames"),
        ("NonResourceURLs", "nonResourceURLs"),
        ("Verbs", "verbs"),
    )
    parts = [
        f"{title}:[{' '.join(_quoted(value) for value in rule[field])}]"
        for title, field in names
        if field in rule
    ]
    return "{" + ", ".join(parts) + "}"


def _quoted(text: str) -> str:
    return f'"{text}"'
