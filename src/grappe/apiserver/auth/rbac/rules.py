"""One `PolicyRule`, compiled for matching.

https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/cluster-role-v1/
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from grappe.api import Object

ALL = "*"
EVERY_NAME = True
"""A rule without `resourceNames` grants every name, also of what does not exist yet."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one rule grants: verbs on resources of groups (perhaps only some names), or on paths."""

    verbs: frozenset[str]
    groups: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()

    def covers(self, verb: str, group: str, resource: str, subresource: str) -> bool:
        """Whether the rule speaks of this action, on some names at least."""
        if verb not in self.verbs and ALL not in self.verbs:
            return False
        if group not in self.groups and ALL not in self.groups:
            return False
        if ALL in self.resources:
            return True
        if not subresource:
            return resource in self.resources
        return f"{resource}/{subresource}" in self.resources or f"*/{subresource}" in self.resources

    def covers_path(self, verb: str, path: str) -> bool:
        """Whether the rule grants a verb (a lower-case method) on a path that is no resource's.

        A rule's path may end in `*`, which stands for any rest.
        """
        if verb not in self.verbs and ALL not in self.verbs:
            return False
        return any(
            granted in (ALL, path) or (granted.endswith("*") and path.startswith(granted[:-1]))
            for granted in self.paths
        )

    def to_object(self) -> Object:
        """The rule as Kubernetes writes it."""
        found: Object = {"verbs": sorted(self.verbs)}
        if self.groups:
            found["apiGroups"] = sorted(self.groups)
        if self.resources:
            found["resources"] = sorted(self.resources)
        if self.names:
            found["resourceNames"] = sorted(self.names)
        if self.paths:
            found["nonResourceURLs"] = list(self.paths)
        return found


def _texts(value: object) -> frozenset[str]:
    return frozenset(v for v in value if isinstance(v, str)) if isinstance(value, list) else _NONE


_NONE: frozenset[str] = frozenset()


def compile_rules(rules: object) -> tuple[Rule, ...]:
    """The `rules` of a role; what is not a list of objects grants nothing."""
    if not isinstance(rules, list):
        return ()
    return tuple(
        Rule(
            verbs=_texts(rule.get("verbs")),
            groups=_texts(rule.get("apiGroups")),
            resources=_texts(rule.get("resources")),
            names=_texts(rule.get("resourceNames")),
            paths=tuple(sorted(_texts(rule.get("nonResourceURLs")))),
        )
        for rule in rules
        if isinstance(rule, dict)
    )


def granted_names(
    rules: Iterable[Rule], verb: str, group: str, resource: str, subresource: str
) -> bool | frozenset[str]:
    """True when every name is granted, else the names that are (False: none)."""
    names: frozenset[str] = _NONE
    for rule in rules:
        if rule.covers(verb, group, resource, subresource):
            if not rule.names:
                return EVERY_NAME
            names |= rule.names
    return names or False
