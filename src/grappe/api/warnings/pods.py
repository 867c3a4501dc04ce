"""Pods and what pods are made from."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from grappe.api import Object
from grappe.api.causes import quote
from grappe.api.warnings.amounts import fractions, whole
from grappe.api.warnings.labels import DEPRECATED, term
from grappe.api.warnings.volumes import volumes

_NO_LABELS = "a null labelSelector results in matching no pod"
_SYSCTLS = 'non-functional in v1.11+; use the "sysctls" field instead'
_ANNOTATIONS = {
    "scheduler.alpha.kubernetes.io/critical-pod": (
        'non-functional in v1.16+; use the "priorityClassName" field instead'
    ),
    "security.alpha.kubernetes.io/sysctls": _SYSCTLS,
    "security.alpha.kubernetes.io/unsafe-sysctls": _SYSCTLS,
}
_SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP = "container.seccomp.security.alpha.kubernetes.io/"
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_SECCOMP_GONE = 'non-functional in v1.27+; use the "seccompProfile" field instead'
_APPARMOR_OLD = 'deprecated since v1.30; use the "appArmorProfile" field instead'
_BYTES = ("memory", "ephemeral-storage")
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


def pod(obj: Object) -> Iterator[str]:
    return _spec(obj, "")


def template(found: Object, at: str) -> Iterator[str]:
    """A pod template at `at`, which ends with a dot."""
    return _spec(found, at)


def _spec(found: Object, at: str) -> Iterator[str]:
    spec, about = found.get("spec") or {}, found.get("metadata") or {}
    annotations, here = about.get("annotations") or {}, f"{at}spec"
    affinity = spec.get("affinity") or {}
    for key in spec.get("nodeSelector") or ():
        if key in DEPRECATED:
            yield f"{here}.nodeSelector[{key}]: {DEPRECATED[key]}"
    if nodes := affinity.get("nodeAffinity"):
        yield from _node_affinity(nodes, f"{here}.affinity.nodeAffinity")
    for i, spread in enumerate(spec.get("topologySpreadConstraints") or ()):
        place, key = f"{here}.topologySpreadConstraints[{i}]", spread.get("topologyKey")
        if key in DEPRECATED:
            yield f"{place}.topologyKey: {key} is {DEPRECATED[key]}"
        if spread.get("labelSelector") is None:
            yield f"{place}.labelSelector: {_NO_LABELS}"
    for key in _ANNOTATIONS if annotations else ():
        if key in annotations:
            yield f"{at}metadata.annotations[{key}]: {_ANNOTATIONS[key]}"
    if mounted := spec.get("volumes"):
        yield from volumes(mounted, f"{here}.volumes")
    if aliases := spec.get("hostAliases"):
        yield from _repeated(aliases, "ip", f"{here}.hostAliases")
    if secrets := spec.get("imagePullSecrets"):
        yield from _repeated(secrets, "name", f"{here}.imagePullSecrets")
        for i, secret in enumerate(secrets):
            if not secret.get("name"):
                yield f'{here}.imagePullSecrets[{i}].name: invalid empty name ""'
    if overhead := spec.get("overhead"):
        yield from fractions(overhead, f"{here}.overhead", _BYTES)
    if annotations:
        yield from _profiles(spec, annotations, at)
    ports = 0
    for part in _CONTAINERS:
        for i, container in enumerate(spec.get(part) or ()):
            if opened := container.get("ports"):
                ports += len(opened) if len(opened) > 1 or not opened[0].get("hostIP") else 2
            resources = container.get("resources")
            if (resources and not _whole_bytes(resources)) or len(container.get("env") or ()) > 1:
                yield from _container(container, f"{here}.{part}[{i}]")
    if ports > 1:
        yield from _ports(spec, here)
    grace = spec.get("terminationGracePeriodSeconds")
    if grace is not None and grace < 0:
        yield (
            f"{here}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid "
            "and will be treated as 1"
        )
    for part in ("podAffinity", "podAntiAffinity") if affinity else ():
        yield from _pod_affinity(affinity.get(part) or {}, f"{here}.affinity.{part}")


def _node_affinity(found: Object, at: str) -> Iterator[str]:
    place = f"{at}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
    required = found.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for i, wanted in enumerate(required.get("nodeSelectorTerms") or ()):
        yield from term(wanted, f"{place}[{i}]")
    place = f"{at}.preferredDuringSchedulingIgnoredDuringExecution"
    for i, liked in enumerate(found.get("preferredDuringSchedulingIgnoredDuringExecution") or ()):
        yield from term(liked.get("preference"), f"{place}[{i}].preference", values=True)


def _pod_affinity(found: Object, at: str) -> Iterator[str]:
    name = "requiredDuringSchedulingIgnoredDuringExecution"
    for i, wanted in enumerate(found.get(name) or ()):
        if wanted.get("labelSelector") is None:
            yield f"{at}.{name}[{i}].labelSelector: {_NO_LABELS}"
    name = "preferredDuringSchedulingIgnoredDuringExecution"
    for i, liked in enumerate(found.get(name) or ()):
        if (liked.get("podAffinityTerm") or {}).get("labelSelector") is None:
            yield f"{at}.{name}[{i}].podAffinityTerm.labelSelector: {_NO_LABELS}"


def _repeated(items: list[Object], field: str, at: str) -> Iterator[str]:
    seen: set[str] = set()
    for i, item in enumerate(items):
        value = item.get(field) or ""
        if value in seen:
            yield f"{at}[{i}].{field}: duplicate {field} {quote(value)}"
        seen.add(value)


def _profiles(spec: Object, annotations: Object, at: str) -> Iterator[str]:
    """Annotations of seccomp and AppArmor where no field says the same. Of AppArmor a pod itself
    is told nothing: its annotations are turned into fields."""
    whole = spec.get("securityContext") or {}
    if _SECCOMP_POD in annotations and whole.get("seccompProfile") is None:
        yield f"{at}metadata.annotations[{_SECCOMP_POD}]: {_SECCOMP_GONE}"
    for container in chain(*(spec.get(part) or () for part in _CONTAINERS)):
        own, name = container.get("securityContext") or {}, container.get("name")
        for prefix, field, told in (
            (_SECCOMP, own.get("seccompProfile"), _SECCOMP_GONE),
            (_APPARMOR, own.get("appArmorProfile") or whole.get("appArmorProfile"), _APPARMOR_OLD),
        ):
            key = f"{prefix}{name}"
            if key in annotations and field is None and (at or prefix == _SECCOMP):
                yield f"{at}metadata.annotations[{key}]: {told}"


def _whole_bytes(resources: Object) -> bool:
    """Whether nothing that counts bytes has a fraction."""
    for part in ("limits", "requests"):
        if amounts := resources.get(part):
            for name in _BYTES:
                if name in amounts and not whole(amounts[name]):
                    return False
    return True


def _container(container: Object, at: str) -> Iterator[str]:
    if resources := container.get("resources"):
        # Memory first, then storage; limits before requests.
        for name in _BYTES:
            for part in ("limits", "requests"):
                if amounts := resources.get(part):
                    yield from fractions(amounts, f"{at}.resources.{part}", (name,))
    seen: set[str] = set()
    for i, variable in enumerate(container.get("env") or ()):
        name = variable.get("name") or ""
        if name in seen and _hides(variable, f"$({name})"):
            yield (
                f"{at}.env[{i}]: hides previous definition of {quote(name)}, which may be dropped "
                "when using apply"
            )
        seen.add(name)


def _hides(variable: Object, reference: str) -> bool:
    """Whether a variable's value has nothing of an earlier one of the same name."""
    value = variable.get("value") or ""
    return variable.get("valueFrom") is not None or value == reference or reference not in value


def _ports(spec: Object, at: str) -> Iterator[str]:
    """Ports that say the same twice, over all containers."""
    seen: dict[tuple[int, str], list[tuple[str, str, int]]] = {}
    for part in _CONTAINERS:
        for i, container in enumerate(spec.get(part) or ()):
            for j, port in enumerate(container.get("ports") or ()):
                place = f"{at}.{part}[{i}].ports[{j}]"
                ip, host = port.get("hostIP") or "", port.get("hostPort") or 0
                number, protocol = port.get("containerPort") or 0, port.get("protocol") or "TCP"
                if ip and not host:
                    shown = (
                        f"{{Name:{port.get('name') or ''} HostPort:0 ContainerPort:{number} "
                        f"Protocol:{protocol} HostIP:{ip}}}"
                    )
                    yield f"{place}: hostIP set without hostPort: {shown}"
                others = seen.setdefault((number, protocol), [])
                for other, other_ip, other_host in others:
                    if ip == other_ip and host == other_host:
                        yield f"{place}: duplicate port definition with {other}"
                    elif not host or not other_host:
                        yield f"{place}: overlapping port definition with {other}"
                    elif host == other_host and bool(ip) != bool(other_ip):
                        yield f"{place}: dangerously ambiguous port definition with {other}"
                others.append((place, ip, host))
