"""`AdmissionConfiguration`: what people configure of admission plugins, which is Pod Security.

https://kubernetes.io/docs/tasks/configure-pod-container/enforce-standards-admission-controller/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from grappe.api.names import dns_label_problems, dns_subdomain_problems
from grappe.apiserver.admission.pod_security_levels import LATEST, LEVELS, Level
from grappe.apiserver.admission.pod_security_policy import (
    MODES,
    Configuration,
    Policies,
    Policy,
    is_version,
)
from grappe.apiserver.configuration import misshapen, mistyped, read_configuration

_VERSION = "apiserver.config.k8s.io/v1"
_POD_SECURITY = "pod-security.admission.config.k8s.io/v1"
_SHAPE = {
    "apiVersion": str,
    "kind": str,
    "plugins": [{"name": str, "path": str, "configuration": object}],
}
_POD_SECURITY_SHAPE = {
    "apiVersion": str,
    "kind": str,
    "defaults": {f"{mode}{part}": str for mode in MODES for part in ("", "-version")},
    "exemptions": {"usernames": [str], "runtimeClasses": [str], "namespaces": [str]},
}


def load_admission(path: Path) -> Configuration:
    """What the file at `path` says of Pod Security, if there is one; UserError naming all that is
    wrong in it."""
    obj = read_configuration(path, problems)
    return Configuration() if obj is None else parse(obj)


def problems(obj: Any) -> Iterator[str]:
    """All that is wrong with an AdmissionConfiguration, each with its field."""
    wrong_shape = list(misshapen(obj, _SHAPE))
    if wrong_shape:
        yield from wrong_shape
        return
    yield from mistyped(obj, "AdmissionConfiguration", [_VERSION])
    seen: set[str] = set()
    for index, plugin in enumerate(obj.get("plugins") or ()):
        where, name = f"plugins[{index}]", plugin.get("name") or ""
        if not name:
            yield f"{where}.name: Required value"
        elif name in seen:
            yield f'{where}.name: Duplicate value: "{name}"'
        seen.add(name)
        if plugin.get("path"):
            yield f"{where}.path: write what that file says under configuration instead"
        if name == "PodSecurity":
            yield from _pod_security_problems(plugin.get("configuration"), f"{where}.configuration")
        elif plugin.get("configuration"):
            yield f'{where}.configuration: "{name}" cannot be configured, only PodSecurity can'


def _pod_security_problems(obj: Any, where: str) -> Iterator[str]:
    if obj is None:
        return
    wrong_shape = list(misshapen(obj, _POD_SECURITY_SHAPE, where))
    if wrong_shape:
        yield from wrong_shape
        return
    yield from mistyped(obj, "PodSecurityConfiguration", [_POD_SECURITY], where)
    for name, value in (obj.get("defaults") or {}).items():
        told = f'{where}.defaults.{name}: Invalid value: "{value}": must be'
        if name in MODES:
            if value and value not in LEVELS:
                yield f"{told} one of {', '.join(LEVELS)}"
        elif value and not is_version(value):
            yield f'{told} "latest" or "v1.x"'
    exemptions = obj.get("exemptions") or {}
    for field, check in _EXEMPTIONS.items():
        yield from _exemption_problems(
            exemptions.get(field) or [], check, f"{where}.exemptions.{field}"
        )


def _exemption_problems(
    found: list[str], check: Callable[[str], list[str]], where: str
) -> Iterator[str]:
    for index, value in enumerate(found):
        wrong = check(value)
        if wrong:
            yield f'{where}[{index}]: Invalid value: "{value}": {", ".join(wrong)}'
        elif not value:
            yield f"{where}[{index}]: Required value"
        elif value in found[:index]:
            yield f'{where}[{index}]: Duplicate value: "{value}"'


def _any_name(value: str) -> list[str]:
    return []


_EXEMPTIONS: dict[str, Callable[[str], list[str]]] = {
    "namespaces": dns_label_problems,
    "runtimeClasses": dns_subdomain_problems,
    "usernames": _any_name,
}


def parse(obj: Any) -> Configuration:
    """An AdmissionConfiguration without `problems`."""
    plugins = obj.get("plugins") or ()
    found = next((p.get("configuration") for p in plugins if p["name"] == "PodSecurity"), None)
    defaults = (found or {}).get("defaults") or {}
    exemptions = (found or {}).get("exemptions") or {}
    return Configuration(
        Policies(*(_default(defaults, mode) for mode in MODES)),
        users=frozenset(exemptions.get("usernames") or ()),
        runtime_classes=frozenset(exemptions.get("runtimeClasses") or ()),
        namespaces=frozenset(exemptions.get("namespaces") or ()),
    )


def _default(defaults: dict[str, str], mode: str) -> Policy:
    asked = defaults.get(mode) or "privileged"
    level: Level = next(known for known in LEVELS if known == asked)
    return Policy(level, defaults.get(f"{mode}-version") or LATEST)
