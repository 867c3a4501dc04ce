"""Annotations of pods that mean something to Kubernetes: mirror pods, deletion cost, and the old
ways to choose seccomp and AppArmor profiles.

https://kubernetes.io/docs/reference/labels-annotations-taints/
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from grappe.api import Object
from grappe.api.causes import forbidden, invalid
from grappe.api.validation.paths import descending_path
from grappe.api.validation.rules import Causes
from grappe.api.validation.security import containers_of

MIRROR = "kubernetes.io/config.mirror"
_COST = "controller.kubernetes.io/pod-deletion-cost"
_SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP = "container.seccomp.security.alpha.kubernetes.io/"
APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/"
_INTEGER = re.compile("[+-]?[0-9]+")


def pod_annotations(annotations: Mapping[str, str], spec: Object, at: str) -> Causes:
    if MIRROR in annotations and not spec.get("nodeName"):
        detail = "must set spec.nodeName if mirror pod annotation is set"
        yield invalid(f"{at}[{MIRROR}]", annotations[MIRROR], detail)
    cost = annotations.get(_COST)
    if cost is not None and not _is_cost(cost):
        yield invalid(f"{at}[{_COST}]", cost, "must be a 32bit integer")
    for key, value in annotations.items():
        if key == _SECCOMP_POD or key.startswith(_SECCOMP):
            yield from _seccomp(value, f"{at}.{key}")
        elif key.startswith(APP_ARMOR):
            name = key.removeprefix(APP_ARMOR)
            if all(c.get("name") != name for c, _ in containers_of(spec, "")):
                yield invalid(f"{at}[{key}]", name, "container not found")
            known = value in ("", "runtime/default", "unconfined")
            if not known and not value.startswith("localhost/"):
                yield invalid(f"{at}[{key}]", value, f'invalid AppArmor profile name: "{value}"')


def _is_cost(text: str) -> bool:
    """A whole number of 32 bits, written without needless zeros or signs."""
    if not _INTEGER.fullmatch(text) or text[0] == "+" or (text[0] == "0" and text != "0"):
        return False
    return len(text) < 12 and -(2**31) <= int(text) < 2**31


def _seccomp(profile: str, at: str) -> Causes:
    if profile in ("runtime/default", "docker/default", "unconfined"):
        return
    if profile.startswith("localhost/"):
        yield from descending_path(profile.removeprefix("localhost/"), at)
    else:
        yield invalid(at, profile, "must be a valid seccomp profile")


def annotations_match(annotations: Mapping[str, str], spec: Object, at: str) -> Causes:
    """Where both an old annotation and the field that replaced it are given, they agree."""
    whole = spec.get("securityContext") or {}
    told = annotations.get(_SECCOMP_POD)
    if told is not None and (profile := whole.get("seccompProfile")):
        default = ("runtime/default", "docker/default")
        where = f"{at}.securityContext.seccompProfile"
        yield from _agrees("seccomp", told, profile, default, where)
    windows = (spec.get("os") or {}).get("name") == "windows"
    for container, where in containers_of(spec, at):
        own, name = container.get("securityContext") or {}, container.get("name") or ""
        told = annotations.get(_SECCOMP + name)
        if told is not None and (profile := own.get("seccompProfile")):
            default = ("runtime/default", "docker/default")
            place = f"{where}.securityContext.seccompProfile"
            yield from _agrees("seccomp", told, profile, default, place)
        told = annotations.get(APP_ARMOR + name)
        profile = own.get("appArmorProfile") or whole.get("appArmorProfile")
        if told is not None and profile and not windows:
            place = f"{where}.securityContext.appArmorProfile"
            yield from _agrees("apparmor", told, profile, ("runtime/default",), place)


def _agrees(what: str, told: str, profile: Object, default: tuple[str, ...], at: str) -> Causes:
    kind = profile.get("type")
    same = {
        "Unconfined": told == "unconfined",
        "RuntimeDefault": told in default,
        "Localhost": told.startswith("localhost/"),
    }.get(kind or "", True)
    if not same:
        yield forbidden(f"{at}.type", f"{what} type in annotation and field must match")
    elif kind == "Localhost" and told.removeprefix("localhost/") != profile.get("localhostProfile"):
        detail = f"{what} profile in annotation and field must match"
        yield forbidden(f"{at}.localhostProfile", detail)


def annotation_changes(new: Mapping[str, str], old: Mapping[str, str], at: str) -> Causes:
    """Mirror pods stay that; AppArmor profiles are settled when a pod is made."""
    for key in (*old, *(k for k in new if k not in old)):
        if new.get(key) == old.get(key):
            continue
        done = "remove or update" if key in old else "add"
        if key.startswith(APP_ARMOR):
            yield forbidden(f"{at}[{key}]", f"may not {done} AppArmor annotations")
        if key == MIRROR:
            yield forbidden(f"{at}[{key}]", f"may not {done} mirror pod annotation")
