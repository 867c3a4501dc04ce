"""PodSecurity: holds pods to the Pod Security Standards their namespace asks for.

https://kubernetes.io/docs/concepts/security/pod-security-admission/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from grappe.api import Object
from grappe.api.errors import invalid as invalid_object
from grappe.api.resources import DEPLOYMENTS, JOBS, NAMESPACES, PODS, REPLICA_SETS
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.plugin import Plugin, annotate, refuse
from grappe.apiserver.admission.pod_security_metrics import PodSecurityMetrics
from grappe.apiserver.admission.pod_security_policy import (
    PREFIX,
    Configuration,
    Policies,
    Policy,
    ignored,
    label_problems,
    policies,
)
from grappe.apiserver.registry.interface import AdmissionRequest, Operation

_TEMPLATED = frozenset(
    (
        DEPLOYMENTS.bucket,
        JOBS.bucket,
        REPLICA_SETS.bucket,
        "apps/daemonsets",
        "apps/statefulsets",
        "/podtemplates",
        "/replicationcontrollers",
        "batch/cronjobs",
    )
)
_MOST_PODS = 3000
"""Of a namespace that becomes stricter; Kubernetes looks at no more."""


class PodSecurity(Plugin):
    """Enforces on pods; warns about pods and the templates of workloads, and, when a namespace
    becomes stricter, about the pods it has."""

    def __init__(
        self, live: Live, configuration: Configuration, metrics: PodSecurityMetrics
    ) -> None:
        self._live = live
        self._configuration = configuration
        self._metrics = metrics

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
        exempt = self._exempt(request)
        if exempt:
            self._metrics.exempt(request)
            annotate(request, f"{PREFIX}exempt", exempt)
            return
        is_pod = request.served.bucket == PODS.bucket
        labels = _labels_of(self._live.get(NAMESPACES, "", request.namespace))
        wanted = policies(labels, self._configuration.defaults)
        if wanted.privileged:
            if is_pod:
                self._metrics.evaluated(request, wanted.enforce, "enforce", allowed=True)
                annotate(request, f"{PREFIX}enforce-policy", wanted.enforce.name)
            return
        obj = request.obj or {}
        if is_pod and request.old is not None and not _matters(obj, request.old):
            return
        self._judge(request, obj if is_pod else _template(obj), wanted, labels, enforce=is_pod)

    def _exempt(self, request: AdmissionRequest) -> str:
        """By what a request is exempt, in the audit log's word; empty when it is not."""
        configuration = self._configuration
        if request.namespace in configuration.namespaces:
            return "namespace"
        return "user" if request.user.name in configuration.users else ""

    def _judge(
        self,
        request: AdmissionRequest,
        pod: Object,
        wanted: Policies,
        labels: Mapping[str, str],
        *,
        enforce: bool,
    ) -> None:
        if (pod.get("spec") or {}).get("runtimeClassName") in self._configuration.runtime_classes:
            self._metrics.exempt(request)
            annotate(request, f"{PREFIX}exempt", "runtimeClass")
            return
        wrong = label_problems(labels)
        if wrong:
            told = "; ".join(f"{cause.field}: {cause.message}" for cause in wrong)
            self._metrics.misread(request)
            annotate(request, f"{PREFIX}error", f"Failed to parse policy: {told}")
        asked = wanted if enforce else wanted[1:]
        found = {policy: policy.violations(pod) for policy in dict.fromkeys(asked)}
        evaluated = self._metrics.evaluated
        if found[wanted.audit]:
            evaluated(request, wanted.audit, "audit", allowed=False)
            told = f"would violate {_told(wanted.audit, found[wanted.audit])}"
            annotate(request, f"{PREFIX}audit-violations", told)
        if enforce:
            annotate(request, f"{PREFIX}enforce-policy", wanted.enforce.name)
            allowed = not found[wanted.enforce]
            evaluated(request, wanted.enforce, "enforce", allowed=allowed)
            if not allowed:
                told = _told(wanted.enforce, found[wanted.enforce])
                raise refuse(request, f"violates {told}")
        if found[wanted.warn]:
            evaluated(request, wanted.warn, "warn", allowed=False)
            request.warnings.append(f"would violate {_told(wanted.warn, found[wanted.warn])}")

    # -- namespaces ----------------------------------------------------------------------------
    def _namespace(self, request: AdmissionRequest) -> None:
        labels, before = _labels_of(request.obj), _labels_of(request.old)
        wrong = label_problems(labels)
        if wrong and (request.old is None or wrong != label_problems(before)):
            raise invalid_object("Namespace", request.name, wrong)
        defaults = self._configuration.defaults
        wanted = policies(labels, defaults)
        if request.old is not None and not _tightened(
            wanted.enforce, policies(before, defaults).enforce
        ):
            return
        name = request.name
        if name in self._configuration.namespaces:
            if not wanted.privileged and wanted != defaults:
                told = ignored(labels, wanted)
                request.warnings.append(
                    f'namespace "{name}" is exempt from Pod Security, and the policy ({told}) '
                    "will be ignored"
                )
        elif request.old is not None:
            request.warnings += self._existing(name, wanted.enforce)

    def _existing(self, namespace: str, wanted: Policy) -> list[str]:
        """Warnings about the pods of a namespace that its new level would refuse."""
        exempt = self._configuration.runtime_classes
        pods = _one_of_each(
            pod
            for pod in self._live.scan(PODS, namespace)
            if (pod.get("spec") or {}).get("runtimeClassName") not in exempt
        )
        named: dict[str, list[str]] = {}
        for pod in pods[:_MOST_PODS]:
            wrong = wanted.violations(pod)
            if wrong:
                reasons = ", ".join(told.partition(" (")[0] for told in wrong)
                named.setdefault(reasons, []).append(pod["metadata"]["name"])
        found = []
        if len(pods) > _MOST_PODS:
            found.append(
                "new PodSecurity enforce level only checked against the first "
                f"{_MOST_PODS} of {len(pods)} existing pods"
            )
        if named:
            found.append(
                f'existing pods in namespace "{namespace}" violate the new PodSecurity enforce '
                f"level {wanted}"
            )
        return found + sorted(
            f"{_some(sorted(names))}: {reasons}" for reasons, names in named.items()
        )


def _tightened(new: Policy, old: Policy) -> bool:
    """Whether there may be pods that the old level admitted and the new one would not."""
    if new == old or new.level == "privileged":
        return False
    return new.version != old.version or new.stricter(old)


def _one_of_each(pods: Iterable[Object]) -> list[Object]:
    """One pod of each controller first, since the others are like it."""
    first: list[Object] = []
    others: list[Object] = []
    seen: set[str] = set()
    for pod in pods:
        owners = pod["metadata"].get("ownerReferences") or ()
        owner = next((each.get("uid") for each in owners if each.get("controller")), None)
        (others if owner in seen else first).append(pod)
        if owner is not None:
            seen.add(owner)
    return first + others


def _some(names: list[str]) -> str:
    others = len(names) - 1
    more = f" (and {others} other {'pod' if others == 1 else 'pods'})" if others else ""
    return names[0] + more


def _told(wanted: Policy, wrong: list[str]) -> str:
    return f"PodSecurity {wanted}: {', '.join(wrong)}"


def _labels_of(obj: Object | None) -> dict[str, str]:
    labels: dict[str, str] = ((obj or {}).get("metadata") or {}).get("labels") or {}
    return labels


def _matters(new: Object, old: Object) -> bool:
    """Whether an update changes what the standards speak of: other images, other containers."""
    new_spec, old_spec = new.get("spec") or {}, old.get("spec") or {}
    for field in ("containers", "initContainers"):
        if _images(new_spec, field) != _images(old_spec, field):
            return True
    known = {c.get("name"): c.get("image") for c in old_spec.get("ephemeralContainers") or ()}
    return any(
        container.get("name") not in known or known[container["name"]] != container.get("image")
        for container in new_spec.get("ephemeralContainers") or ()
    )


def _images(spec: Object, field: str) -> list[object]:
    return [container.get("image") for container in spec.get(field) or ()]


def _template(obj: Object) -> Object:
    if "template" in obj:  # a PodTemplate
        return obj["template"] or {}
    spec = obj.get("spec") or {}
    if "jobTemplate" in spec:
        spec = (spec["jobTemplate"] or {}).get("spec") or {}
    template: Object = spec.get("template") or {}
    return template
