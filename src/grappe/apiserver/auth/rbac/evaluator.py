"""Answers from the RBAC index, remembered until a role or binding changes."""

from __future__ import annotations

from collections.abc import Iterator

from grappe.apiserver.auth.rbac.index import Binding, RbacIndex
from grappe.apiserver.auth.rbac.rules import Rule, granted_names
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.interface import RequestInfo

_REMEMBERED = 20_000
_LONGEST = 600  # characters of a question that is remembered: anybody may ask endless ones
_Question = tuple[str, tuple[str, ...], str, str, str, str, str]


class RbacEvaluator:
    """May a user do something? A repeated question costs one dictionary look-up.

    What is remembered does not depend on the object's name (names are endless): it is the set of
    granted names, or True for all of them.
    """

    def __init__(self, index: RbacIndex) -> None:
        self._index = index
        self._answers: dict[_Question, bool | frozenset[str]] = {}
        self._paths: dict[tuple[str, tuple[str, ...], str, str], bool] = {}
        index.on_change(self._forget)

    def _forget(self) -> None:
        self._answers.clear()
        self._paths.clear()

    def remembers(self, user: User, info: RequestInfo) -> bool:
        """Whether this resource request is known to be granted on every name."""
        question = (
            user.name,
            user.groups,
            info.verb,
            info.group,
            info.plural,
            info.subresource,
            info.namespace,
        )
        return self._answers.get(question) is True

    def allows(
        self,
        user: User,
        verb: str,
        group: str,
        resource: str,
        subresource: str,
        namespace: str,
        name: str,
    ) -> bool:
        """Whether a resource request is granted."""
        question = (user.name, user.groups, verb, group, resource, subresource, namespace)
        answer = self._answers.get(question)
        if answer is None:
            rules = (rule for _, _, rules in self._grants(user, namespace) for rule in rules)
            answer = granted_names(rules, verb, group, resource, subresource)
            if len(resource) + len(subresource) + len(namespace) + len(group) <= _LONGEST:
                if len(self._answers) >= _REMEMBERED:
                    self._answers.clear()
                self._answers[question] = answer
        return answer if isinstance(answer, bool) else name in answer

    def allows_path(self, user: User, verb: str, path: str) -> bool:
        """Whether a request for a path that is no resource's is granted."""
        question = (user.name, user.groups, verb, path)
        answer = self._paths.get(question)
        if answer is None:
            answer = any(
                rule.covers_path(verb, path)
                for _, _, rules in self._grants(user, "")
                for rule in rules
            )
            if len(path) <= _LONGEST:
                if len(self._paths) >= _REMEMBERED:
                    self._paths.clear()
                self._paths[question] = answer
        return answer

    def _grants(
        self, user: User, namespace: str
    ) -> Iterator[tuple[Binding, str, tuple[Rule, ...]]]:
        for binding, subject in self._index.bindings(user.name, user.groups, namespace):
            rules = self._index.rules_of(binding.role_kind, binding.role_name, binding.namespace)
            if rules is not None:
                yield binding, subject, rules

    def rules(self, user: User, namespace: str) -> Iterator[Rule]:
        """Every rule that applies to the user in `namespace`."""
        for _, _, rules in self._grants(user, namespace):
            yield from rules

    def reason(
        self,
        user: User,
        verb: str,
        group: str,
        resource: str,
        subresource: str,
        namespace: str,
        name: str,
    ) -> str:
        """Which binding allows it, in Kubernetes' words; empty when none does."""
        for binding, subject, rules in self._grants(user, namespace):
            granted = granted_names(rules, verb, group, resource, subresource)
            if granted is True or (granted is not False and name in granted):
                return f"RBAC: allowed by {describe(binding, subject)}"
        return ""

    def path_reason(self, user: User, verb: str, path: str) -> str:
        """As `reason`, for a path."""
        for binding, subject, rules in self._grants(user, ""):
            if any(rule.covers_path(verb, path) for rule in rules):
                return f"RBAC: allowed by {describe(binding, subject)}"
        return ""

    def missing_roles(self, user: User, namespace: str) -> list[str]:
        """Roles that the user's bindings name and that do not exist, as Kubernetes words it."""
        missing = []
        for binding, _ in self._index.bindings(user.name, user.groups, namespace):
            kind, name = binding.role_kind, binding.role_name
            if self._index.rules_of(kind, name, binding.namespace) is None:
                missing.append(f'{kind.lower()}.rbac.authorization.k8s.io "{name}" not found')
        return list(dict.fromkeys(missing))


def describe(binding: Binding, subject: str) -> str:
    role = f'{binding.role_kind} "{binding.role_name}"'
    if binding.namespace:
        return f'RoleBinding "{binding.name}/{binding.namespace}" of {role} to {subject}'
    return f'ClusterRoleBinding "{binding.name}" of {role} to {subject}'
