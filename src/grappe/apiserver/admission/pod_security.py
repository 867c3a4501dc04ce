"""PodSecurity: which of the Pod Security Standards the labels of a namespace ask for.

https://kubernetes.io/docs/concepts/security/pod-security-admission/
"""

from __future__ import annotations

import re
from typing import NamedTuple

from grappe.api import Object
from grappe.api.causes import invalid
from grappe.api.errors import Cause
from grappe.api.errors import invalid as invalid_object
from grappe.api.resources import DEPLOYMENTS, JOBS, NAMESPACES, PODS, REPLICA_SETS
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.plugin import Plugin, annotate, refuse
from grappe.apiserver.admission.pod_security_levels import LATEST, LEVELS, Level, violations
from grappe.apiserver.registry.interface import AdmissionRequest, Operation

_PREFIX = "pod-security.kubernetes.io/"
_MODES = ("enforce", "audit", "warn")
_VERSION = re.compile(r"latest|v1\.(0|[1-9][0-9]*)")
_TEMPLATED = frozenset(
    (
        DEPLOYMENTS.bucket,
        JOBS.bucket,
        REPLICA_SETS.bucket,
        "apps/daemonsets",
        "apps/statefulsets",
        "/replicationcontrollers",
        "batch/cronjobs",
    )
)


class Policy(NamedTuple):
    level: Level
    version: str

    @property
    def name(self) -> str:
        return f"{self.level}:{self.version}"

    def violations(self, pod: Object) -> list[str]:
        """Everything in which a pod, or template of one, goes beyond it."""
        about, spec = pod.get("metadata") or {}, pod.get("spec") or {}
        return violations(self.level, about, spec, self.version)

    def __str__(self) -> str:
        return f'"{self.name}"'


def policy(labels: dict[str, str], mode: str) -> Policy:
    """What the labels of a namespace say for `mode` (enforce, audit, warn); an unknown level
    counts as the strictest one, so that a slip of the pen does not open the door."""
    level = labels.get(_PREFIX + mode, "privileged")
    known: Level = next((known for known in LEVELS if known == level), "restricted")
    return Policy(known, labels.get(f"{_PREFIX}{mode}-version", LATEST))


def label_problems(labels: dict[str, str]) -> list[Cause]:
    """What is wrong with a namespace's labels."""
    found = []
    for mode in _MODES:
        level, version = (labels.get(f"{_PREFIX}{mode}{part}") for part in ("", "-version"))
        where = f"metadata.labels[{_PREFIX}{mode}"
        if level is not None and level not in LEVELS:
            found.append(invalid(f"{where}]", level, f"must be one of {', '.join(LEVELS)}"))
        if version is not None and not _VERSION.fullmatch(version):
            found.append(invalid(f"{where}-version]", version, 'must be "latest" or "v1.x"'))
    return found


class PodSecurity(Plugin):
    """Enforces on pods; warns about pods and the templates of workloads, and, when a namespace
    becomes stricter, about the pods it has."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        if operation not in ("CREATE", "UPDATE"):
            return False
        if bucket == PODS.bucket:
            return subresource in ("", "ephemeralcontainers")
        if bucket == NAMESPACES.bucket:
            return not subresource
        return bucket in _TEMPLATED and not subresource

    def validate(self, request: AdmissionRequest) -> None:
        if request.served.bucket == NAMESPACES.bucket:
            self._namespace(request)
            return
        labels = self._labels(request.namespace)
        if not any(label.startswith(_PREFIX) for label in labels):
            return
        obj = request.obj or {}
        if request.served.bucket == PODS.bucket:
            if request.old is not None and not _matters(obj, request.old):
                return
            pod = obj
        else:
            pod = _template(obj)
        told = _told(policy(labels, "audit"), pod)
        if told:
            annotate(request, f"{_PREFIX}audit-violations", told)
        if request.served.bucket == PODS.bucket:
            self._enforce(request, policy(labels, "enforce"))
        told = _told(policy(labels, "warn"), pod)
        if told:
            request.warnings.append(told)

    def _namespace(self, request: AdmissionRequest) -> None:
        labels = _labels_of(request.obj)
        before = _labels_of(request.old)
        known = label_problems(before)
        new = [problem for problem in label_problems(labels) if problem not in known]
        if new:
            raise invalid_object("Namespace", request.name, new)
        wanted = policy(labels, "enforce")
        if request.old is not None and wanted != policy(before, "enforce"):
            request.warnings += self._existing(request.name, wanted)

    def _existing(self, namespace: str, wanted: Policy) -> list[str]:
        """Warnings about the pods of a namespace that its new level would refuse."""
        pods: dict[str, list[str]] = {}
        for pod in self._live.scan(PODS, namespace):
            wrong = wanted.violations(pod)
            if wrong:
                reasons = ", ".join(told.partition(" (")[0] for told in wrong)
                pods.setdefault(reasons, []).append(pod["metadata"]["name"])
        if not pods:
            return []
        found = [
            f'existing pods in namespace "{namespace}" violate the new PodSecurity enforce level '
            f"{wanted}"
        ]
        for reasons, names in sorted(pods.items(), key=lambda pair: pair[1]):
            others = len(names) - 1
            more = f" (and {others} other {'pod' if others == 1 else 'pods'})" if others else ""
            found.append(f"{names[0]}{more}: {reasons}")
        return found

    def _labels(self, namespace: str) -> dict[str, str]:
        return _labels_of(self._live.get(NAMESPACES, "", namespace))

    @staticmethod
    def _enforce(request: AdmissionRequest, wanted: Policy) -> None:
        pod = request.obj or {}
        annotate(request, f"{_PREFIX}enforce-policy", wanted.name)
        wrong = wanted.violations(pod)
        if wrong:
            raise refuse(request, f"violates PodSecurity {wanted}: {', '.join(wrong)}")


def _told(wanted: Policy, pod: Object) -> str:
    """What auditors and clients are told of a pod; empty when it keeps to the policy."""
    wrong = wanted.violations(pod)
    return f"would violate PodSecurity {wanted}: {', '.join(wrong)}" if wrong else ""


def _labels_of(obj: Object | None) -> dict[str, str]:
    labels: dict[str, str] = ((obj or {}).get("metadata") or {}).get("labels") or {}
    return labels


def _matters(new: Object, old: Object) -> bool:
    """Whether an update changes what the standards speak of: of a pod only images and ephemeral
    containers, among little else, can change."""
    return bool(new.get("spec") != old.get("spec"))


def _template(obj: Object) -> Object:
    spec = obj.get("spec") or {}
    if "jobTemplate" in spec:
        spec = (spec["jobTemplate"] or {}).get("spec") or {}
    template: Object = spec.get("template") or {}
    return template
