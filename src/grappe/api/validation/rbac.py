"""Roles and bindings (https://kubernetes.io/docs/reference/access-authn-authz/rbac/)."""

from __future__ import annotations

from grappe.api import Object, names
from grappe.api.causes import invalid, not_supported, required
from grappe.api.validation.rules import Causes, label_selector, named, well_formed

_GROUP = "rbac.authorization.k8s.io"


def role(obj: Object) -> Causes:
    yield from _rules(obj, namespaced=True)


def cluster_role(obj: Object) -> Causes:
    yield from _rules(obj, namespaced=False)
    aggregation = obj.get("aggregationRule")
    if aggregation is None:
        return
    at = "aggregationRule.clusterRoleSelectors"
    selectors = aggregation.get("clusterRoleSelectors") or ()
    if not selectors:
        detail = "at least one clusterRoleSelector required if aggregationRule is non-nil"
        yield required(at, detail)
    for i, selector in enumerate(selectors):
        yield from label_selector(selector, f"{at}[{i}]")


def _rules(obj: Object, *, namespaced: bool) -> Causes:
    for i, rule in enumerate(obj.get("rules") or ()):
        yield from _rule(rule, f"rules[{i}]", namespaced=namespaced)


def _rule(rule: Object, at: str, *, namespaced: bool) -> Causes:
    if not rule.get("verbs"):
        yield required(f"{at}.verbs", "verbs must contain at least one value")
    urls = rule.get("nonResourceURLs")
    if urls:
        where = f"{at}.nonResourceURLs"
        if namespaced:
            yield invalid(where, urls, "namespaced rules cannot apply to non-resource URLs")
        if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
            detail = "rules cannot apply to both regular resources and non-resource URLs"
            yield invalid(where, urls, detail)
        return
    if not rule.get("apiGroups"):
        yield required(f"{at}.apiGroups", "resource rules must supply at least one api group")
    if not rule.get("resources"):
        yield required(f"{at}.resources", "resource rules must supply at least one resource")


def role_binding(obj: Object) -> Causes:
    yield from _binding(obj, ("Role", "ClusterRole"), namespaced=True)


def cluster_role_binding(obj: Object) -> Causes:
    yield from _binding(obj, ("ClusterRole",), namespaced=False)


def _binding(obj: Object, kinds: tuple[str, ...], *, namespaced: bool) -> Causes:
    reference = obj.get("roleRef") or {}
    if reference.get("apiGroup") != _GROUP:
        yield not_supported("roleRef.apiGroup", reference.get("apiGroup") or "", (_GROUP,))
    if reference.get("kind") not in kinds:
        yield not_supported("roleRef.kind", reference.get("kind") or "", kinds)
    yield from named(reference.get("name"), "roleRef.name", names.path_segment_problems)
    for i, subject in enumerate(obj.get("subjects") or ()):
        yield from _subject(subject, f"subjects[{i}]", namespaced=namespaced)


def _subject(subject: Object, at: str, *, namespaced: bool) -> Causes:
    name, kind = subject.get("name") or "", subject.get("kind") or ""
    group = subject.get("apiGroup") or ""
    if not name:
        yield required(f"{at}.name")
    if kind == "ServiceAccount":
        if name:
            yield from well_formed(name, f"{at}.name", names.dns_subdomain_problems)
        if group:
            yield not_supported(f"{at}.apiGroup", group, ("",))
        if not namespaced and not subject.get("namespace"):
            yield required(f"{at}.namespace")
    elif kind in ("User", "Group"):
        if not name:
            yield invalid(f"{at}.name", name, f"{kind.lower()} name cannot be empty")
        if group != _GROUP:
            yield not_supported(f"{at}.apiGroup", group, (_GROUP,))
    else:
        yield not_supported(f"{at}.kind", kind, ("ServiceAccount", "User", "Group"))


def _same_role(new: Object, old: Object) -> Causes:
    if new.get("roleRef") != old.get("roleRef"):
        yield invalid("roleRef", new.get("roleRef"), "cannot change roleRef")


def role_binding_update(new: Object, old: Object) -> Causes:
    yield from role_binding(new)
    yield from _same_role(new, old)


def cluster_role_binding_update(new: Object, old: Object) -> Causes:
    yield from cluster_role_binding(new)
    yield from _same_role(new, old)
