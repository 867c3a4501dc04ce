"""The plugins in their order, and which of them a request meets."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from grappe.apiserver.admission.certificate_approval import CertificateApproval
from grappe.apiserver.admission.default_ingress_class import DefaultIngressClass
from grappe.apiserver.admission.default_storage_class import DefaultStorageClass
from grappe.apiserver.admission.default_toleration_seconds import DefaultTolerationSeconds
from grappe.apiserver.admission.limit_ranger import LimitRanger
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.namespace_lifecycle import NamespaceLifecycle
from grappe.apiserver.admission.node_restriction import NodeRestriction
from grappe.apiserver.admission.persistent_volume_claim_resize import PersistentVolumeClaimResize
from grappe.apiserver.admission.plugin import Plugin
from grappe.apiserver.admission.pod_security import PodSecurity
from grappe.apiserver.admission.pod_security_metrics import PodSecurityMetrics
from grappe.apiserver.admission.pod_security_policy import Configuration
from grappe.apiserver.admission.pod_topology_labels import PodTopologyLabels
from grappe.apiserver.admission.policies.plugins import PolicyPlugins
from grappe.apiserver.admission.priority import Priority
from grappe.apiserver.admission.quota_counter import QuotaCounter
from grappe.apiserver.admission.rbac_escalation import RbacEscalation
from grappe.apiserver.admission.resource_quota import ResourceQuota
from grappe.apiserver.admission.runtime_class import RuntimeClass
from grappe.apiserver.admission.service_account import ServiceAccount
from grappe.apiserver.admission.storage_object_in_use_protection import (
    StorageObjectInUseProtection,
)
from grappe.apiserver.admission.taint_nodes_by_condition import TaintNodesByCondition
from grappe.apiserver.admission.webhooks.plugins import WebhookPlugins
from grappe.apiserver.auth.access import Access
from grappe.apiserver.registry.interface import DONE, AdmissionRequest
from grappe.base.metrics import Registry
from grappe.store.interface import Store


def default_plugins(
    store: Store,
    access: Access,
    counter: QuotaCounter,
    policies: PolicyPlugins,
    webhooks: WebhookPlugins,
    pod_security: Configuration,
    metrics: Registry,
) -> list[Plugin]:
    """The plugins a Kubernetes API server has on by default, in their order."""
    live = Live(store)
    return [
        NamespaceLifecycle(live),
        LimitRanger(live),
        ServiceAccount(live),
        NodeRestriction(live),
        TaintNodesByCondition(),
        PodSecurity(live, pod_security, PodSecurityMetrics(metrics)),
        Priority(live),
        DefaultTolerationSeconds(),
        DefaultStorageClass(live),
        StorageObjectInUseProtection(),
        PersistentVolumeClaimResize(live),
        RuntimeClass(live),
        CertificateApproval(access.authorizer),
        DefaultIngressClass(live),
        PodTopologyLabels(live),
        RbacEscalation(live, access.authorizer, access.rbac),
        policies.mutating,
        webhooks.mutating,
        policies.validating,
        webhooks.validating,
        ResourceQuota(live, counter),
    ]


_Plugins = tuple[Plugin, ...]


class Chain:
    """The registry's Admission."""

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self._plugins = tuple(plugins)
        self._concerned: dict[tuple[str, str, str], tuple[_Plugins, _Plugins]] = {}

    def admit(self, request: AdmissionRequest) -> Awaitable[None]:
        plugins = self._of(request)[0]
        for number, plugin in enumerate(plugins, 1):
            waiting = plugin.admit(request)
            if waiting is not None:
                return self._admit_from(request, waiting, plugins[number:])
        return DONE if request.reinvocation is None else self._admit_again(request)

    async def _admit_from(
        self, request: AdmissionRequest, first: Awaitable[None], rest: Sequence[Plugin]
    ) -> None:
        await first
        for plugin in rest:
            waiting = plugin.admit(request)
            if waiting is not None:
                await waiting
        await self._admit_again(request)

    async def _admit_again(self, request: AdmissionRequest) -> None:
        passes = request.reinvocation
        if passes is not None and passes.wanted and not passes.running:
            passes.running = True
            await self.admit(request)

    def validate(self, request: AdmissionRequest) -> Awaitable[None]:
        plugins = self._of(request)[1]
        for number, plugin in enumerate(plugins, 1):
            waiting = plugin.validate(request)
            if waiting is not None:
                return self._validate_from(request, waiting, plugins[number:])
        return DONE

    async def _validate_from(
        self, request: AdmissionRequest, first: Awaitable[None], rest: Sequence[Plugin]
    ) -> None:
        await first
        for plugin in rest:
            waiting = plugin.validate(request)
            if waiting is not None:
                await waiting

    def forget(self) -> None:
        """What plugins are concerned with has changed."""
        self._concerned.clear()

    def _of(self, request: AdmissionRequest) -> tuple[_Plugins, _Plugins]:
        """Those that have something to say when it is admitted, and when it is validated."""
        kind = (request.operation, request.served.bucket, request.info.subresource)
        found = self._concerned.get(kind)
        if found is None:
            concerned = [plugin for plugin in self._plugins if plugin.concerns(*kind)]
            found = self._concerned[kind] = (
                tuple(p for p in concerned if type(p).admit is not Plugin.admit),
                tuple(p for p in concerned if type(p).validate is not Plugin.validate),
            )
        return found
