"""Which level of the Pod Security Standards, as of which version, the labels of a namespace ask
for, and whom a configuration exempts.

https://kubernetes.io/docs/concepts/security/pod-security-admission/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from grappe.api import Object
from grappe.api.causes import invalid
from grappe.api.errors import Cause
from grappe.apiserver.admission.pod_security_levels import LATEST, LEVELS, Level, violations

PREFIX = "pod-security.kubernetes.io/"
MODES = ("enforce", "audit", "warn")
_VERSION = re.compile(r"latest|v1\.(0|[1-9][0-9]*)")


class Policy(NamedTuple):
    """One level as of one version."""

    level: Level = "privileged"
    version: str = LATEST

    @property
    def name(self) -> str:
        return f"{self.level}:{self.version}"

    def violations(self, pod: Object) -> list[str]:
        """Everything in which a pod, or template of one, goes beyond it."""
        about, spec = pod.get("metadata") or {}, pod.get("spec") or {}
        return violations(self.level, about, spec, self.version)

    def stricter(self, other: Policy) -> bool:
        return LEVELS.index(self.level) > LEVELS.index(other.level)

    def __str__(self) -> str:
        return f'"{self.name}"'


class Policies(NamedTuple):
    """One for each mode."""

    enforce: Policy = Policy()
    audit: Policy = Policy()
    warn: Policy = Policy()

    @property
    def privileged(self) -> bool:
        return self.enforce.level == self.audit.level == self.warn.level == "privileged"


NOTHING_ASKED = Policies()


@dataclass(frozen=True, slots=True)
class Configuration:
    """What counts where a namespace says nothing, and who is exempt from all of it."""

    defaults: Policies = NOTHING_ASKED
    users: frozenset[str] = frozenset()
    runtime_classes: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()


def policies(labels: Mapping[str, str], defaults: Policies) -> Policies:
    """What the labels of a namespace ask for. An unknown level to enforce counts as the strictest,
    so that a slip of the pen does not open the door; of the others, as none. Who enforces without
    a word about warnings is warned as well."""
    if not any(label.startswith(PREFIX) for label in labels):
        return defaults
    enforce = _policy(labels, "enforce", defaults.enforce, "restricted")
    audit = _policy(labels, "audit", defaults.audit, "privileged")
    warn = _policy(labels, "warn", defaults.warn, "privileged")
    said = labels.get(f"{PREFIX}enforce") in LEVELS and f"{PREFIX}warn" not in labels
    if said and enforce.stricter(warn):
        given = f"{PREFIX}warn-version" in labels
        warn = Policy(enforce.level, warn.version if given else enforce.version)
    return Policies(enforce, audit, warn)


def _policy(labels: Mapping[str, str], mode: str, default: Policy, unknown: Level) -> Policy:
    level, version = labels.get(PREFIX + mode), labels.get(f"{PREFIX}{mode}-version")
    known = default.level if level is None else next((k for k in LEVELS if k == level), unknown)
    if version is None:
        return Policy(known, default.version)
    return Policy(known, version if is_version(version) else LATEST)


def is_version(version: str) -> bool:
    return _VERSION.fullmatch(version) is not None


def label_problems(labels: Mapping[str, str]) -> list[Cause]:
    """What is wrong with a namespace's labels."""
    found = []
    for mode in MODES:
        level, version = (labels.get(f"{PREFIX}{mode}{part}") for part in ("", "-version"))
        where = f"metadata.labels[{PREFIX}{mode}"
        if level is not None and level not in LEVELS:
            found.append(invalid(f"{where}]", level, f"must be one of {', '.join(LEVELS)}"))
        if version is not None and not is_version(version):
            found.append(invalid(f"{where}-version]", version, 'must be "latest" or "v1.x"'))
    return found


def ignored(labels: Mapping[str, str], asked: Policies) -> str:
    """What of its labels does not count for an exempt namespace, in short."""
    return ", ".join(
        f"{mode}={policy.name}"
        for mode, policy in zip(MODES, asked, strict=True)
        if policy.level != "privileged"
        and (PREFIX + mode in labels or f"{PREFIX}{mode}-version" in labels)
    )
