"""Which requests a policy or a binding speaks of (`MatchResources`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from grappe.api import Object
from grappe.api.resources import Resource
from grappe.api.selectors import LabelSelector, label_selector_from_object
from grappe.apiserver.admission.webhooks.rules import Rule
from grappe.apiserver.registry.interface import AdmissionRequest, ServedResource

Versions = Callable[[ServedResource], Iterable[ServedResource]]
"""The other served versions of the same objects."""
Namespaces = Callable[[str], Object | None]
"""A namespace by its name."""


@dataclass(frozen=True, slots=True)
class NamedRule:
    """A rule, for the named objects only where it names some."""

    rule: Rule
    names: frozenset[str]

    @classmethod
    def of(cls, source: Object) -> NamedRule:
        return cls(Rule.of(source), frozenset(source.get("resourceNames") or ()))


@dataclass(frozen=True, slots=True)
class Matcher:
    """One MatchResources. Without `rules` every resource is meant."""

    rules: tuple[NamedRule, ...]
    excluded: tuple[NamedRule, ...]
    equivalent: bool
    namespaces: LabelSelector
    objects: LabelSelector

    @classmethod
    def of(cls, source: Object) -> Matcher:
        """ApiError for a selector that cannot be read."""
        return cls(
            tuple(NamedRule.of(rule) for rule in source.get("resourceRules") or ()),
            tuple(NamedRule.of(rule) for rule in source.get("excludeResourceRules") or ()),
            source.get("matchPolicy") != "Exact",
            label_selector_from_object(source.get("namespaceSelector") or {}),
            label_selector_from_object(source.get("objectSelector") or {}),
        )

    def concerns(self, operation: str, plural: str, subresource: str) -> bool:
        """Whether requests of this kind may match at all."""
        if not self.rules:
            return True
        return any(one.rule.names(operation, plural, subresource) for one in self.rules)

    def match(
        self, request: AdmissionRequest, versions: Versions, namespace: Namespaces
    ) -> ServedResource | None:
        """The version a request matches in: its own, or an equivalent one. None: not at all."""
        if not self._selects(request, namespace):
            return None
        if self._by_rules(self.excluded, request, versions) is not None:
            return None
        if not self.rules:
            return request.served
        return self._by_rules(self.rules, request, versions)

    def _by_rules(
        self, rules: Sequence[NamedRule], request: AdmissionRequest, versions: Versions
    ) -> ServedResource | None:
        if _any(rules, request, request.served.resource):
            return request.served
        if rules and self.equivalent:
            for other in versions(request.served):
                if _any(rules, request, other.resource):
                    return other
        return None

    def _selects(self, request: AdmissionRequest, namespace: Namespaces) -> bool:
        if not self.objects.everything and not any(
            self.objects.matches(_labels(obj)) for obj in (request.obj, request.old) if obj
        ):
            return False
        if self.namespaces.everything:
            return True
        if request.served.bucket == "/namespaces":
            of_new = request.operation in ("CREATE", "UPDATE")
            return self.namespaces.matches(_labels((request.obj if of_new else request.old) or {}))
        if not request.namespace:
            return True
        found = namespace(request.namespace)
        return found is not None and self.namespaces.matches(_labels(found))


def _any(rules: Sequence[NamedRule], request: AdmissionRequest, resource: Resource) -> bool:
    return any(
        one.rule.matches(request.operation, resource, request.info.subresource)
        and (not one.names or request.name in one.names)
        for one in rules
    )


def _labels(obj: Object) -> dict[str, str]:
    metadata = obj.get("metadata")
    return (metadata.get("labels") or {}) if isinstance(metadata, dict) else {}
