"""Environment variables of a container, and the fields and resources of a pod they may show.

https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from grappe.api import Object, names, quantity
from grappe.api.causes import invalid, not_supported, required
from grappe.api.errors import Cause
from grappe.api.validation.paths import local_path
from grappe.api.validation.rules import Causes, named, qualified, well_formed

_ENV_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
VOLUME_FIELDS = (
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
)
# Every field label a pod has, for which a reference to it can be converted at all.
_LABELS = frozenset(
    (
        *_ENV_FIELDS,
        *VOLUME_FIELDS,
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.hostNetwork",
        "status.phase",
        "status.nominatedNodeName",
    )
)
_SUBSCRIPT = re.compile(r"(.+)\['([^']*)'\]", re.DOTALL)
_RESOURCES = tuple(
    f"{kind}.{name}"
    for kind in ("limits", "requests")
    for name in ("cpu", "ephemeral-storage", "memory")
)
_HUGE_PAGES = ("limits.hugepages-", "requests.hugepages-")
_UNITS = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_ONE_SOURCE = (
    "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, "
    "`secretKeyRef` or `fileKeyRef`"
)


def variables(found: Iterable[Object], at: str) -> Causes:
    for i, variable in enumerate(found):
        name = variable.get("name")
        if not name:
            yield required(f"{at}[{i}].name")
        else:
            for problem in names.env_name_problems(name):
                yield invalid(f"{at}[{i}].name", name, problem)
        source = variable.get("valueFrom")
        if source is not None:
            yield from _source(source, variable.get("value"), f"{at}[{i}].valueFrom")


def _source(source: Object, value: str | None, at: str) -> Causes:
    given = [kind for kind in _SOURCES if kind in source]
    for kind in given:
        yield from _SOURCES[kind](source[kind], f"{at}.{kind}")
    if not given:
        yield invalid(at, "", _ONE_SOURCE)
    elif value:
        yield invalid(at, "", "may not be specified when `value` is not empty")
    elif len(given) > 1:
        yield invalid(at, "", "may not have more than one field specified at a time")


def _env_field(reference: Object, at: str) -> Causes:
    return field_reference(reference, at, _ENV_FIELDS)


def field_reference(reference: Object, at: str, allowed: tuple[str, ...]) -> Causes:
    """A reference to a field of the pod itself."""
    if not reference.get("apiVersion"):
        yield required(f"{at}.apiVersion")
        return
    path = reference.get("fieldPath")
    if not path:
        yield required(f"{at}.fieldPath")
        return
    match = _SUBSCRIPT.fullmatch(path)
    if match:
        base, key = match.groups()
        if base == "metadata.annotations":
            yield from qualified(key.lower(), at)
        elif base == "metadata.labels":
            yield from qualified(key, at)
        elif base in _LABELS:
            yield invalid(at, base, "does not support subscript")
        else:
            yield _inconvertible(at, path)
        return
    if reference["apiVersion"] != "v1":
        detail = f"error converting fieldPath: unsupported pod version: {reference['apiVersion']}"
        yield invalid(f"{at}.fieldPath", path, detail)
    elif path not in _LABELS:
        yield _inconvertible(at, path)
    elif path not in allowed:
        yield not_supported(f"{at}.fieldPath", path, allowed)


def _inconvertible(at: str, path: str) -> Cause:
    detail = f"error converting fieldPath: field label not supported: {path}"
    return invalid(f"{at}.fieldPath", path, detail)


def _env_resource(reference: Object, at: str) -> Causes:
    return resource_reference(reference, at, volume=False)


def resource_reference(reference: Object, at: str, *, volume: bool) -> Causes:
    """A reference to a request or limit of a container; a volume's names the container."""
    resource = reference.get("resource") or ""
    if volume and not reference.get("containerName"):
        yield required(f"{at}.containerName")
    elif not resource:
        yield required(f"{at}.resource")
    elif resource not in _RESOURCES and not resource.startswith(_HUGE_PAGES):
        yield not_supported(f"{at}.resource", resource, _RESOURCES)
    divisor = reference.get("divisor")
    if divisor is None or divisor == "0":
        return
    kind = resource.partition(".")[2]
    units = ("1m", "1") if kind == "cpu" else _UNITS
    told = {
        "cpu": "cpu",
        "memory": "memory",
        "ephemeral-storage": "local ephemeral storage",
    }.get(kind, "hugepages" if kind.startswith("hugepages-") else "")
    if told and quantity.canonical(divisor) not in units:
        listed = "1m and 1" if kind == "cpu" else ", ".join(units)
        detail = f"only divisor's values {listed} are supported with the {told} resource"
        yield invalid(f"{at}.divisor", resource, detail)


def _key(reference: Object, at: str) -> Causes:
    """A key of a ConfigMap or Secret. That a name may be empty is history; such a reference
    must be optional to start a pod."""
    yield from well_formed(reference.get("name") or "", f"{at}.name", names.dns_subdomain_problems)
    yield from named(reference.get("key"), f"{at}.key", names.config_key_problems)


def _file_key(reference: Object, at: str) -> Causes:
    """A variable in a file of a volume of the pod."""
    yield from named(reference.get("key"), f"{at}.key", names.env_name_problems)
    yield from named(reference.get("volumeName"), f"{at}.volumeName", names.dns_label_problems)
    if not reference.get("path"):
        yield required(f"{at}.path")
    else:
        yield from local_path(reference["path"], f"{at}.path")


_SOURCES: dict[str, Callable[[Object, str], Causes]] = {
    "fieldRef": _env_field,
    "resourceFieldRef": _env_resource,
    "configMapKeyRef": _key,
    "secretKeyRef": _key,
    "fileKeyRef": _file_key,
}


def sources(found: Iterable[Object], at: str) -> Causes:
    """`envFrom`: all keys of a ConfigMap or Secret."""
    for i, source in enumerate(found):
        where = f"{at}[{i}]"
        if prefix := source.get("prefix"):
            yield from well_formed(prefix, f"{where}.prefix", names.env_name_problems)
        given = [kind for kind in ("configMapRef", "secretRef") if kind in source]
        for kind in given:
            reference = source[kind].get("name")
            yield from named(reference, f"{where}.{kind}.name", names.dns_subdomain_problems)
        if not given:
            yield invalid(at, "", "must specify one of: `configMapRef` or `secretRef`")
        elif len(given) > 1:
            yield invalid(at, "", "may not have more than one field specified at a time")
