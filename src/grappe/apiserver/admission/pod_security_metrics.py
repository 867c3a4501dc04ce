"""What Pod Security counts, under Kubernetes' names.

https://kubernetes.io/docs/concepts/security/pod-security-admission/#metrics
"""

from __future__ import annotations

from grappe.api.resources import NAMESPACES, PODS
from grappe.apiserver.admission.pod_security_policy import Policy
from grappe.apiserver.discovery.version import KUBERNETES_VERSION
from grappe.apiserver.registry.interface import AdmissionRequest
from grappe.base.metrics import Counter, Registry

_REQUEST = ("request_operation", "resource", "subresource")
_NEWEST = int(KUBERNETES_VERSION.split(".")[1])
_RESOURCES = {PODS.bucket: "pod", NAMESPACES.bucket: "namespace"}


class PodSecurityMetrics:
    """Evaluations that deny are counted in every mode, those that allow in `enforce` alone."""

    def __init__(self, registry: Registry) -> None:
        self._evaluations = registry.add(
            Counter(
                "pod_security_evaluations_total",
                "Number of policy evaluations that occurred, without ignored or exempt requests.",
                ("decision", "policy_level", "policy_version", "mode", *_REQUEST),
            )
        )
        self._exemptions = registry.add(
            Counter("pod_security_exemptions_total", "Number of exempt requests.", _REQUEST)
        )
        self._errors = registry.add(
            Counter(
                "pod_security_errors_total",
                "Number of errors that kept a policy from being evaluated as it was meant.",
                ("fatal", *_REQUEST),
            )
        )

    def evaluated(
        self, request: AdmissionRequest, policy: Policy, mode: str, *, allowed: bool
    ) -> None:
        decision = "allow" if allowed else "deny"
        labels = (decision, policy.level, _version(policy), mode, *_about(request))
        self._evaluations.inc(labels)

    def exempt(self, request: AdmissionRequest) -> None:
        self._exemptions.inc(_about(request))

    def misread(self, request: AdmissionRequest) -> None:
        """The labels of a namespace are wrong: the strictest level counts instead."""
        self._errors.inc(("false", *_about(request)))


def _about(request: AdmissionRequest) -> tuple[str, str, str]:
    resource = _RESOURCES.get(request.served.bucket, "controller")
    return request.operation.lower(), resource, request.info.subresource


def _version(policy: Policy) -> str:
    if policy.level == "privileged" or policy.version == "latest":
        return "latest"
    return policy.version if int(policy.version.partition(".")[2]) <= _NEWEST else "future"
