"""Amounts of resources: which names there are, what they may be measured in, requests and limits.

https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from grappe.api import Object, names, quantity
from grappe.api.causes import duplicate, forbidden, invalid, not_found, not_supported, required
from grappe.api.validation.rules import Causes, amount, key_problems, well_formed

COMPUTE = ("cpu", "memory", "ephemeral-storage")
_COUNTS = frozenset(
    (
        "configmaps",
        "persistentvolumeclaims",
        "pods",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "services",
        "services.loadbalancers",
        "services.nodeports",
    )
)
QUOTA = frozenset(
    (*COMPUTE, *_COUNTS, "requests.storage")
    + tuple(f"{kind}.{name}" for kind in ("requests", "limits") for name in COMPUTE)
)
_STANDARD = QUOTA | {"storage"}
POD_LEVEL = ("cpu", "hugepages-", "memory")
_HUGE = "hugepages-"
_QUALITY = ("cpu", "memory")

NameRule = Callable[[str, str], Causes]


def is_native(name: str) -> bool:
    """Kubernetes' own, not an extended resource."""
    return "/" not in name or "kubernetes.io/" in name


def is_huge_page(name: str) -> bool:
    return name.startswith(_HUGE)


def is_quota_name(name: str) -> bool:
    return name in QUOTA or name.startswith((_HUGE, "requests.hugepages-"))


def may_overcommit(name: str) -> bool:
    """Whether a request may be lower than its limit."""
    return is_native(name) and not is_huge_page(name)


def is_extended(name: str) -> bool:
    return (
        not is_native(name)
        and not name.startswith("requests.")
        and not key_problems(f"requests.{name}")
    )


def is_counted(name: str) -> bool:
    """Whether there are only whole ones of it."""
    return name in _COUNTS or is_extended(name)


def resource_name(name: str, at: str) -> Causes:
    """Any resource: a standard one, or a qualified name."""
    problems = key_problems(name)
    for problem in problems:
        yield invalid(at, name, problem)
    if (
        not problems
        and "/" not in name
        and name not in _STANDARD
        and not name.startswith((_HUGE, "requests.hugepages-"))
    ):
        yield invalid(at, name, "must be a standard resource type or fully qualified")


def container_resource_name(name: str, at: str) -> Causes:
    """What a container may ask for."""
    if name in COMPUTE:
        return
    yield from resource_name(name, at)
    if "/" not in name:
        if not is_huge_page(name):
            yield invalid(at, name, "must be a standard resource for containers")
    elif not is_native(name) and not is_extended(name):
        yield invalid(at, name, "doesn't follow extended resource name standard")


def pod_resource_name(name: str, at: str) -> Causes:
    """What a pod as a whole may ask for."""
    if name in _QUALITY:
        return
    refused = list(resource_name(name, at))
    yield from refused
    if not refused and not is_huge_page(name):
        yield not_supported(at, name, POD_LEVEL)


def quota_resource_name(name: str, at: str) -> Causes:
    yield from resource_name(name, at)
    if "/" not in name and not is_quota_name(name):
        yield invalid(at, name, "must be a standard resource for quota")


def resource_amount(name: str, value: str, at: str) -> Causes:
    """An amount of a resource: not negative, whole where there are only whole ones."""
    yield from amount(value, at)
    if is_counted(name) and _parses(value) and quantity.millis(value) % 1000:
        yield invalid(at, value, "must be an integer")


def _parses(value: str) -> bool:
    try:
        quantity.parse(value)
    except quantity.QuantityError:
        return False
    return True


def _huge_page_amount(name: str, value: str, at: str) -> Causes:
    size = name.removeprefix(_HUGE)
    if not _parses(value):
        return
    whole = _parses(size) and quantity.parse(size) > 0
    if not whole or quantity.parse(value) % quantity.parse(size):
        detail = f"{value} is not positive integer multiple of {name}"
        yield invalid(at, value, detail)


def requirements(
    found: Object,
    at: str,
    claims: Collection[str] = (),
    name_rule: NameRule = container_resource_name,
) -> Causes:
    """Requests and limits: a request may not exceed its limit. `claims` are the names of the
    pod's resource claims."""
    limits, requests = found.get("limits") or {}, found.get("requests") or {}
    for name, value in limits.items():
        yield from _entry(name, value, f"{at}.limits[{name}]", name_rule)
    for name, value in requests.items():
        yield from _entry(name, value, f"{at}.requests[{name}]", name_rule, within=False)
        if name in limits:
            yield from _request_within(name, value, limits[name], f"{at}.requests")
        elif not may_overcommit(name):
            yield required(f"{at}.limits", "Limit must be set for non overcommitable resources")
        if is_huge_page(name):
            yield from _huge_page_amount(name, value, f"{at}.requests[{name}]")
    named = {*limits, *requests}
    if not named.intersection(_QUALITY) and any(map(is_huge_page, named)):
        yield forbidden(at, "HugePages require cpu or memory")
    if wanted := found.get("claims"):
        yield from _claims(wanted, claims, f"{at}.claims")


def _entry(name: str, value: str, at: str, name_rule: NameRule, *, within: bool = True) -> Causes:
    yield from name_rule(name, at)
    yield from resource_amount(name, value, at)
    if within and is_huge_page(name):
        yield from _huge_page_amount(name, value, at)


def _request_within(name: str, value: str, limit: str, at: str) -> Causes:
    try:
        order = quantity.compare(value, limit)
        asked, most = quantity.canonical(value), quantity.canonical(limit)
    except quantity.QuantityError:
        return
    if order and not may_overcommit(name):
        yield invalid(at, asked, f"must be equal to {name} limit of {most}")
    elif order > 0:
        yield invalid(at, asked, f"must be less than or equal to {name} limit of {most}")


def _claims(wanted: Iterable[Object], known: Collection[str], at: str) -> Causes:
    """Each claim of the pod, or each request of one, at most once."""
    seen: set[str] = set()
    for i, claim in enumerate(wanted):
        name, request = claim.get("name") or "", claim.get("request") or ""
        where = f"{at}[{i}]"
        if not name:
            yield required(where)
            continue
        if name in seen:
            yield duplicate(where, name)
        else:
            key = f"{name}/{request}" if request else name
            if request:
                yield from well_formed(request, f"{where}.request", names.dns_label_problems)
            if key in seen:
                yield duplicate(where, key)
            elif not request and any(k.startswith(f"{name}/") for k in seen):
                yield duplicate(where, name)
            seen.add(key)
        if name not in known:
            listed = f": {', '.join(sorted(known))}" if known else " which is empty"
            detail = f"must be one of the names in pod.spec.resourceClaims{listed}"
            yield not_found(where, name, detail)
