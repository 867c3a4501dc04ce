"""Pods and pod templates
(https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from grappe.api import Object, names, quantity
from grappe.api.causes import duplicate, forbidden, invalid, not_supported, required
from grappe.api.pod_resources import at_once
from grappe.api.validation import affinity, containers, security, volumes
from grappe.api.validation.annotations import annotations_match, pod_annotations
from grappe.api.validation.resources import pod_resource_name, requirements
from grappe.api.validation.rules import (
    Causes,
    address,
    annotation_map,
    between,
    label_map,
    named,
    one_of,
    qualified,
    well_formed,
)

_RESTART_POLICIES = ("Always", "OnFailure", "Never")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_MAX_DEADLINE = 2**31 - 1
_NAMES = (
    ("serviceAccountName", names.dns_subdomain_problems),
    ("nodeName", names.dns_subdomain_problems),
    ("hostname", names.dns_label_problems),
    ("subdomain", names.dns_label_problems),
)
_CLASSES = ("priorityClassName", "runtimeClassName")
_MOST_NAMESERVERS, _MOST_SEARCHES, _MOST_SEARCH_SIGNS = 3, 32, 2048


def validate(obj: Object) -> Causes:
    """A pod as it may be stored, whether new or changed."""
    metadata, found = obj["metadata"], obj.get("spec") or {}
    if annotations := metadata.get("annotations"):
        yield from pod_annotations(annotations, found, "metadata.annotations")
    yield from spec(found, "spec", pod=metadata.get("name") or "")
    if not found.get("serviceAccountName"):
        yield from _no_tokens(found)
    for part in ("containers", "initContainers"):
        for i, container in enumerate(found.get(part) or ()):
            yield from containers.trimmed_image(container, f"spec.{part}[{i}]")


def validate_create(obj: Object) -> Causes:
    yield from validate(obj)
    found = obj.get("spec") or {}
    if found.get("ephemeralContainers"):
        yield forbidden("spec.ephemeralContainers", "cannot be set on create")
    if found.get("nodeName") and found.get("schedulingGates"):
        detail = "cannot be set until all schedulingGates have been cleared"
        yield forbidden("spec.nodeName", detail)
    if annotations := obj["metadata"].get("annotations"):
        yield from annotations_match(annotations, found, "spec")


def _no_tokens(found: Object) -> Causes:
    for i, volume in enumerate(found.get("volumes") or ()):
        for j, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
            if "serviceAccountToken" in source:
                where = f"spec.volumes[{i}].projected.sources[{j}].serviceAccountToken"
                detail = "must not be specified when serviceAccountName is not set"
                yield forbidden(where, detail)


def template(found: Object, at: str) -> Causes:
    """A pod template; `at` is its path."""
    metadata, inner = found.get("metadata") or {}, found.get("spec") or {}
    yield from label_map(metadata.get("labels"), f"{at}.labels")
    annotations = metadata.get("annotations")
    if annotations:
        yield from annotation_map(annotations, f"{at}.annotations")
        yield from pod_annotations(annotations, inner, f"{at}.annotations")
    yield from spec(inner, f"{at}.spec")
    if annotations:
        yield from annotations_match(annotations, inner, f"{at}.spec")
    if inner.get("ephemeralContainers"):
        detail = "ephemeral containers not allowed in pod template"
        yield forbidden(f"{at}.spec.ephemeralContainers", detail)


def spec(found: Object, at: str, *, pod: str | None = None) -> Causes:
    """A pod spec; `at` is its path, `pod` the name of the pod if it is one's."""
    valid: dict[str, Object] = {}
    if listed := found.get("volumes"):
        yield from volumes.validate_all(listed, f"{at}.volumes", pod or "", valid)
    if claims := found.get("resourceClaims"):
        yield from _resource_claims(claims, f"{at}.resourceClaims")
    yield from containers.validate_all(found, at, valid)
    if (whole := found.get("resources")) is not None:
        yield from _pod_resources(whole, found, f"{at}.resources")
    if found.get("hostNetwork"):
        yield from containers.host_ports_equal(
            found.get("containers") or (), f"{at}.containers", a_pod=pod is not None
        )
    yield from one_of(found.get("restartPolicy"), f"{at}.restartPolicy", _RESTART_POLICIES)
    yield from one_of(found.get("dnsPolicy"), f"{at}.dnsPolicy", _DNS_POLICIES)
    if selector := found.get("nodeSelector"):
        yield from label_map(selector, f"{at}.nodeSelector")
    if (context := found.get("securityContext")) or "shareProcessNamespace" in found:
        yield from security.pod_context(context or {}, found, f"{at}.securityContext")
    if wanted := found.get("affinity"):
        yield from affinity.affinity(wanted, f"{at}.affinity")
    if "dnsConfig" in found or found.get("dnsPolicy") == "None":
        yield from _dns_config(found, f"{at}.dnsConfig")
    for i, gate in enumerate(found.get("readinessGates") or ()):
        kind = gate.get("conditionType") or ""
        yield from qualified(kind, f"{at}.readinessGates[{i}].conditionType")
    if gates := found.get("schedulingGates"):
        yield from _scheduling_gates(gates, f"{at}.schedulingGates")
    if constraints := found.get("topologySpreadConstraints"):
        yield from affinity.topology_spread(constraints, f"{at}.topologySpreadConstraints")
    if security.says_anything(found):
        yield from security.host_process(found, at)
    if "hostUsers" in found:
        yield from security.host_users(found, at)
    for field, check in _NAMES:
        if value := found.get(field):
            for problem in check(value):
                yield invalid(f"{at}.{field}", value, problem)
    deadline = found.get("activeDeadlineSeconds")
    yield from between(deadline, f"{at}.activeDeadlineSeconds", 1, _MAX_DEADLINE)
    if tolerated := found.get("tolerations"):
        yield from affinity.tolerations(tolerated, f"{at}.tolerations")
    for i, alias in enumerate(found.get("hostAliases") or ()):
        yield from _host_alias(alias, f"{at}.hostAliases[{i}]")
    for field in _CLASSES:
        if name := found.get(field):
            yield from well_formed(name, f"{at}.{field}", names.dns_subdomain_problems)
    policy = found.get("preemptionPolicy")
    if policy is not None and policy not in ("PreemptLowerPriority", "Never"):
        choice = ("PreemptLowerPriority", "Never")
        yield not_supported(f"{at}.preemptionPolicy", policy, choice)
    if overhead := found.get("overhead"):
        yield from requirements({"limits": overhead}, f"{at}.overhead")
    if found.get("os") is not None:
        yield from security.operating_system(found, at)
    if "hostnameOverride" in found:
        yield from _hostname_override(found, at)


def _resource_claims(claims: list[Object], at: str) -> Causes:
    seen: set[str] = set()
    for i, claim in enumerate(claims):
        where = f"{at}[{i}]"
        name = claim.get("name")
        if not name:
            yield required(f"{where}.name")
        elif name in seen:
            yield duplicate(f"{where}.name", name)
        else:
            yield from well_formed(name, f"{where}.name", names.dns_label_problems)
            seen.add(name)
        ways = ("resourceClaimName", "resourceClaimTemplateName")
        given = [way for way in ways if way in claim]
        if len(given) > 1:
            detail = (
                "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            )
            yield invalid(where, claim, detail)
        if not given:
            detail = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            yield invalid(where, claim, detail)
        for way in given:
            yield from well_formed(claim[way], f"{where}.{way}", names.dns_subdomain_problems)


def _pod_resources(whole: Object, found: Object, at: str) -> Causes:
    """What a pod as a whole asks for covers what its containers ask for."""
    if "claims" in whole:
        yield forbidden(f"{at}.claims", "claims cannot be set for Resources at pod-level")
    refused = list(requirements(whole, at, (), pod_resource_name))
    yield from refused
    if refused:
        return
    asked: Mapping[str, str] = whole.get("requests") or {}
    for name, total in at_once(found, _requests).items():
        own = asked.get(name, "0")
        if total > quantity.parse(own):
            told = quantity.spell(total, own)
            detail = f"must be greater than or equal to aggregate container requests of {told}"
            yield invalid(f"{at}.requests[{name}]", own, detail)
    limits: Mapping[str, str] = whole.get("limits") or {}
    for i, container in enumerate(found.get("containers") or ()):
        for name, value in ((container.get("resources") or {}).get("limits") or {}).items():
            if name in limits and quantity.compare(value, limits[name]) > 0:
                detail = f"must be less than or equal to pod limits of {limits[name]}"
                yield invalid(f"{at}.containers[{i}][{name}].limits", value, detail)


def _requests(container: Object) -> dict[str, Decimal]:
    asked = (container.get("resources") or {}).get("requests") or {}
    return {name: quantity.parse(value) for name, value in asked.items()}


def _scheduling_gates(gates: list[Object], at: str) -> Causes:
    seen: set[str] = set()
    for i, gate in enumerate(gates):
        name = gate.get("name") or ""
        yield from qualified(name, f"{at}[{i}]")
        if name in seen:
            yield duplicate(f"{at}[{i}]", name)
        seen.add(name)


def _dns_config(found: Object, at: str) -> Causes:
    config = found.get("dnsConfig")
    if config is None:
        yield required(at, "must provide `dnsConfig` when `dnsPolicy` is None")
        return
    if found.get("dnsPolicy") == "None" and not config.get("nameservers"):
        detail = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        yield required(f"{at}.nameservers", detail)
        return
    servers, searches = (config.get(k) or [] for k in ("nameservers", "searches"))
    if len(servers) > _MOST_NAMESERVERS:
        detail = f"must not have more than {_MOST_NAMESERVERS} nameservers"
        yield invalid(f"{at}.nameservers", servers, detail)
    for i, server in enumerate(servers):
        yield from address(server, f"{at}.nameservers[{i}]")
    if len(searches) > _MOST_SEARCHES:
        detail = f"must not have more than {_MOST_SEARCHES} search paths"
        yield invalid(f"{at}.searches", searches, detail)
    if len(" ".join(searches)) > _MOST_SEARCH_SIGNS:
        detail = (
            f"must not have more than {_MOST_SEARCH_SIGNS} characters (including spaces) in the "
            "search list"
        )
        yield invalid(f"{at}.searches", searches, detail)
    for i, search in enumerate(searches):
        if search != ".":
            bare = search.removesuffix(".")
            yield from well_formed(bare, f"{at}.searches[{i}]", names.search_domain_problems)
    for i, option in enumerate(config.get("options") or ()):
        if not option.get("name"):
            yield required(f"{at}.options[{i}]", "must not be empty")


def _host_alias(alias: Object, at: str) -> Causes:
    yield from address(alias.get("ip"), f"{at}.ip")
    for i, name in enumerate(alias.get("hostnames") or ()):
        yield from well_formed(name, f"{at}.hostnames[{i}]", names.dns_subdomain_problems)


def _hostname_override(found: Object, at: str) -> Causes:
    name = found["hostnameOverride"]
    where = f"{at}.hostnameOverride"
    if found.get("hostNetwork"):
        yield forbidden(where, "may not be specified when `hostNetwork` is true")
    if found.get("setHostnameAsFQDN"):
        yield forbidden(where, "may not be specified when `setHostnameAsFQDN` is true")
    yield from named(name, where, names.dns_subdomain_problems)
