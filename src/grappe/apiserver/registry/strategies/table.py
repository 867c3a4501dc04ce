"""Which strategy a kind has."""

from __future__ import annotations

from collections.abc import Mapping

from grappe.api.openapi.bodies import SHOWN_WHEN_DELETED
from grappe.apiserver.crd.strategy import DefinitionStrategy
from grappe.apiserver.registry.allocation import Allocators
from grappe.apiserver.registry.interface import ServedResource
from grappe.apiserver.registry.strategies.api_services import ApiServiceStrategy
from grappe.apiserver.registry.strategies.base import Strategy
from grappe.apiserver.registry.strategies.claims import PendingStrategy
from grappe.apiserver.registry.strategies.counting import (
    CountingStrategy,
    DeploymentStrategy,
    EverythingCountsStrategy,
    IngressStrategy,
    JobStrategy,
    ReplicationControllerStrategy,
)
from grappe.apiserver.registry.strategies.csr import SigningRequestStrategy
from grappe.apiserver.registry.strategies.custom import CustomStrategy
from grappe.apiserver.registry.strategies.endpoints import KINDS as ENDPOINTS
from grappe.apiserver.registry.strategies.namespaces import NamespaceStrategy
from grappe.apiserver.registry.strategies.pods import PodStrategy
from grappe.apiserver.registry.strategies.services import ServiceStrategy
from grappe.base.clock import Clock

_OWN: Mapping[str, type[Strategy]] = {
    "/namespaces": NamespaceStrategy,
    "/persistentvolumeclaims": PendingStrategy,
    "/persistentvolumes": PendingStrategy,
    "/pods": PodStrategy,
    "/podtemplates": EverythingCountsStrategy,
    "/replicationcontrollers": ReplicationControllerStrategy,
    "admissionregistration.k8s.io/mutatingadmissionpolicies": CountingStrategy,
    "admissionregistration.k8s.io/mutatingadmissionpolicybindings": CountingStrategy,
    "admissionregistration.k8s.io/mutatingwebhookconfigurations": EverythingCountsStrategy,
    "admissionregistration.k8s.io/validatingadmissionpolicies": CountingStrategy,
    "admissionregistration.k8s.io/validatingadmissionpolicybindings": CountingStrategy,
    "admissionregistration.k8s.io/validatingwebhookconfigurations": EverythingCountsStrategy,
    "apiextensions.k8s.io/customresourcedefinitions": DefinitionStrategy,
    "apiregistration.k8s.io/apiservices": ApiServiceStrategy,
    "apps/daemonsets": CountingStrategy,
    "apps/deployments": DeploymentStrategy,
    "apps/replicasets": CountingStrategy,
    "apps/statefulsets": CountingStrategy,
    "batch/cronjobs": CountingStrategy,
    "batch/jobs": JobStrategy,
    "flowcontrol.apiserver.k8s.io/flowschemas": CountingStrategy,
    "flowcontrol.apiserver.k8s.io/prioritylevelconfigurations": CountingStrategy,
    "networking.k8s.io/ingressclasses": CountingStrategy,
    "networking.k8s.io/ingresses": IngressStrategy,
    "networking.k8s.io/networkpolicies": CountingStrategy,
    "policy/poddisruptionbudgets": CountingStrategy,
    "scheduling.k8s.io/priorityclasses": CountingStrategy,
}
_COUNTED = {
    "/replicationcontrollers": ("replicas",),
    "apps/daemonsets": (
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
    ),
    "apps/replicasets": ("replicas",),
    "apps/statefulsets": ("replicas", "availableReplicas"),
    "autoscaling/horizontalpodautoscalers": ("desiredReplicas",),
    "policy/poddisruptionbudgets": (
        "disruptionsAllowed",
        "currentHealthy",
        "desiredHealthy",
        "expectedPods",
    ),
}
"""What a status always tells, by the marks of its Go type."""
_CREATED_BY_UPDATE = frozenset(
    (
        "/endpoints",
        "/events",
        "/limitranges",
        "coordination.k8s.io/leases",
        "rbac.authorization.k8s.io/clusterrolebindings",
        "rbac.authorization.k8s.io/clusterroles",
        "rbac.authorization.k8s.io/rolebindings",
        "rbac.authorization.k8s.io/roles",
    )
)
_CONDITIONAL_UPDATES = frozenset(
    (
        "admissionregistration.k8s.io/mutatingwebhookconfigurations",
        "admissionregistration.k8s.io/validatingwebhookconfigurations",
        "apiextensions.k8s.io/customresourcedefinitions",
        "apiregistration.k8s.io/apiservices",
        "coordination.k8s.io/leases",
        "policy/poddisruptionbudgets",
    )
)

_DELIBERATED = frozenset(
    (
        "admissionregistration.k8s.io/mutatingadmissionpolicies",
        "admissionregistration.k8s.io/mutatingwebhookconfigurations",
        "admissionregistration.k8s.io/validatingadmissionpolicies",
        "admissionregistration.k8s.io/validatingwebhookconfigurations",
        "apiextensions.k8s.io/customresourcedefinitions",
    )
)
"""Kinds with expressions that are compiled when they are written."""


class Strategies:
    """Makes and keeps the strategy of each served resource."""

    def __init__(self, allocators: Allocators, clock: Clock, *, simulated: bool) -> None:
        """`simulated`: no node of the cluster has a network."""
        self._simulated = simulated
        self._allocators = allocators
        self._clock = clock
        self._made: dict[str, Strategy] = {}

    def of(self, served: ServedResource) -> Strategy:
        if served.custom:
            return CustomStrategy(served)
        found = self._made.get(served.bucket)
        if found is None:
            found = self._made[served.bucket] = self._make(served)
        return found

    def _make(self, served: ServedResource) -> Strategy:
        if served.bucket == "/services":
            return ServiceStrategy(served, self._allocators)
        if served.bucket == "certificates.k8s.io/certificatesigningrequests":
            return SigningRequestStrategy(served, self._clock)
        if served.bucket in ENDPOINTS:
            made: Strategy = ENDPOINTS[served.bucket](served, self._simulated)
        else:
            made = _OWN.get(served.bucket, Strategy)(served)
        made.create_on_update = served.bucket in _CREATED_BY_UPDATE
        made.deliberates = served.bucket in _DELIBERATED
        made.unconditional_update = served.bucket not in _CONDITIONAL_UPDATES
        made.counted = _COUNTED.get(served.bucket, ())
        if served.bucket in SHOWN_WHEN_DELETED:
            made.returns_deleted = True
        return made
