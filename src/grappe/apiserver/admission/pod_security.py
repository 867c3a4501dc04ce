"""PodSecurity: which of the Pod Security Standards the labels of a namespace ask for.

https://kubernetes.io/docs/concepts/security/pod-security-admission/
"""

from __future__ import annotations

from typing import NamedTuple

from grappe.api import Object
from grappe.api.resources import DEPLOYMENTS, JOBS, NAMESPACES, PODS, REPLICA_SETS
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.plugin import Plugin, refuse
from grappe.apiserver.admission.pod_security_checks import LEVELS, Level, violations
from grappe.apiserver.registry.interface import AdmissionRequest, Operation

_PREFIX = "pod-security.kubernetes.io/"
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

    def __str__(self) -> str:
        return f'"{self.level}:{self.version}"'


def policy(labels: dict[str, str], mode: str) -> Policy:
    """What the labels of a namespace say for `mode` (enforce, warn); an unknown level counts as
    the strictest one, so that a slip of the pen does not open the door."""
    level = labels.get(_PREFIX + mode, "privileged")
    known: Level = next((known for known in LEVELS if known == level), "restricted")
    return Policy(known, labels.get(f"{_PREFIX}{mode}-version", "latest"))


class PodSecurity(Plugin):
    """Enforces on pods; warns about pods and about the templates of workloads."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        if operation not in ("CREATE", "UPDATE"):
            return False
        if bucket == PODS.bucket:
            return subresource in ("", "ephemeralcontainers")
        return bucket in _TEMPLATED and not subresource

    def validate(self, request: AdmissionRequest) -> None:
        labels = self._labels(request.namespace)
        if not any(label.startswith(_PREFIX) for label in labels):
            return
        obj = request.obj or {}
        if request.served.bucket == PODS.bucket:
            if request.old is not None and not _matters(obj, request.old):
                return
            self._enforce(request, policy(labels, "enforce"))
            pod = obj
        else:
            pod = _template(obj)
        self._warn(request, policy(labels, "warn"), pod)

    def _labels(self, namespace: str) -> dict[str, str]:
        found = self._live.get(NAMESPACES, "", namespace) or {"metadata": {}}
        labels: dict[str, str] = found["metadata"].get("labels") or {}
        return labels

    @staticmethod
    def _enforce(request: AdmissionRequest, wanted: Policy) -> None:
        pod = request.obj or {}
        wrong = violations(wanted.level, pod["metadata"], pod.get("spec") or {})
        if wrong:
            raise refuse(request, f"violates PodSecurity {wanted}: {', '.join(wrong)}")

    @staticmethod
    def _warn(request: AdmissionRequest, wanted: Policy, pod: Object) -> None:
        wrong = violations(wanted.level, pod.get("metadata") or {}, pod.get("spec") or {})
        if wrong:
            request.warnings.append(f"would violate PodSecurity {wanted}: {', '.join(wrong)}")


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
