"""Which requests a webhook's rules speak of. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grappe.api.resources import Resource

_ADMISSION = "admissionregistration.k8s.io"
_EXEMPT = frozenset(
    f"{_ADMISSION}/{plural}"
    for plural in (
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
        "mutatingwebhookconfigurations",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "validatingwebhookconfigurations",
    )
)
_UNSEEN = frozenset((("UPDATE", "/pods", "binding"), ("DELETE", "/pods", "eviction")))
"""Writes that follow from a request of another kind, about which a webhook was asked already."""


def exempt(operation: str, bucket: str, subresource: str) -> bool:
    """Whether no webhook is ever asked: nobody may lock the cluster's admission itself."""
    return bucket in _EXEMPT or (operation, bucket, subresource) in _UNSEEN


@dataclass(frozen=True, slots=True)
class Rule:
    """One of a webhook's `rules`. `resources` are (resource, subresource) pairs."""

    operations: tuple[str, ...]
    groups: tuple[str, ...]
    versions: tuple[str, ...]
    resources: tuple[tuple[str, str], ...]
    scope: str

    @classmethod
    def of(cls, rule: Mapping[str, Any]) -> Rule:
        pairs = (text.partition("/") for text in rule.get("resources") or ())
        return cls(
            tuple(rule.get("operations") or ()),
            tuple(rule.get("apiGroups") or ()),
            tuple(rule.get("apiVersions") or ()),
            tuple((resource, sub) for resource, _, sub in pairs),
            rule.get("scope") or "*",
        )

    def names(self, operation: str, plural: str, subresource: str) -> bool:
        """Whether the rule names this operation and resource, in whatever group and version."""
        return ("*" in self.operations or operation in self.operations) and any(
            resource in ("*", plural) and sub in ("*", subresource)
            for resource, sub in self.resources
        )

    def matches(self, operation: str, resource: Resource, subresource: str) -> bool:
        return (
            self.names(operation, resource.plural, subresource)
            and ("*" in self.groups or resource.group in self.groups)
            and ("*" in self.versions or resource.version in self.versions)
            and (self.scope == "*" or (self.scope == "Namespaced") == resource.namespaced)
        )


def any_matches(
    rules: Sequence[Rule], operation: str, resource: Resource, subresource: str
) -> bool:
    return any(rule.matches(operation, resource, subresource) for rule in rules)
