"""Which rules a kind has: for new objects, for changed ones, and for each subresource."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from grappe.api import Object
from grappe.api.errors import Cause
from grappe.api.resources import Resource
from grappe.api.validation import metadata
from grappe.api.validation.plain_metadata import is_plain
from grappe.api.validation.rules import Causes

if TYPE_CHECKING:
    from grappe.api.validation import (
        aggregation,
        autoscaling,
        claims,
        cluster,
        configuration,
        devices,
        endpoints,
        flowcontrol,
        job_status,
        jobs,
        networking,
        persistent_volumes,
        pod_updates,
        pods,
        policies,
        quotas,
        rbac,
        services,
        storage,
        webhooks,
        workloads,
    )
else:

    class _Later:
        """A module of rules, imported when the first of them is applied: most kinds are never
        written, and all rules together would be a tenth of the server's start."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, rule: str) -> Callable[..., Causes]:
            @cache
            def found() -> Callable[..., Causes]:
                module = import_module(f"grappe.api.validation.{self._name}")
                return getattr(module, rule)

            return lambda *objects: found()(*objects)

    aggregation = _Later("aggregation")
    autoscaling = _Later("autoscaling")
    claims = _Later("claims")
    cluster = _Later("cluster")
    configuration = _Later("configuration")
    devices = _Later("devices")
    endpoints = _Later("endpoints")
    flowcontrol = _Later("flowcontrol")
    job_status = _Later("job_status")
    jobs = _Later("jobs")
    networking = _Later("networking")
    persistent_volumes = _Later("persistent_volumes")
    pod_updates = _Later("pod_updates")
    pods = _Later("pods")
    policies = _Later("policies")
    quotas = _Later("quotas")
    rbac = _Later("rbac")
    services = _Later("services")
    storage = _Later("storage")
    webhooks = _Later("webhooks")
    workloads = _Later("workloads")

_Create = Callable[[Object], Causes]
_Update = Callable[[Object, Object], Causes]


class _Rules(NamedTuple):
    """Of one kind. Without rules of its own an update is held to those of creation;
    `annotations`: some of them are about annotations too."""

    create: _Create
    update: _Update | None = None
    status: _Update | None = None
    annotations: bool = False


_ADMISSION = "admissionregistration.k8s.io"
_RBAC = "rbac.authorization.k8s.io"
_RULES: dict[tuple[str, str], _Rules] = {
    ("", "ConfigMap"): _Rules(configuration.config_map, configuration.config_map_update),
    ("", "Endpoints"): _Rules(endpoints.endpoints),
    ("", "Event"): _Rules(cluster.event),
    ("", "LimitRange"): _Rules(quotas.limit_range),
    ("", "Namespace"): _Rules(cluster.namespace, status=cluster.namespace_status),
    ("", "Node"): _Rules(cluster.node, cluster.node_update, cluster.node_update),
    ("", "PersistentVolume"): _Rules(persistent_volumes.validate, persistent_volumes.update),
    ("", "PersistentVolumeClaim"): _Rules(
        claims.validate, claims.update, claims.status_update, annotations=True
    ),
    ("", "Pod"): _Rules(
        pods.validate_create, pod_updates.update, pod_updates.status_update, annotations=True
    ),
    ("", "PodTemplate"): _Rules(workloads.pod_template),
    ("", "ReplicationController"): _Rules(
        workloads.replication_controller, status=workloads.replicas_status
    ),
    ("", "ResourceQuota"): _Rules(
        quotas.resource_quota, quotas.resource_quota_update, quotas.resource_quota_status
    ),
    ("", "Secret"): _Rules(configuration.secret, configuration.secret_update, annotations=True),
    ("", "Service"): _Rules(
        services.validate, services.update, services.status_update, annotations=True
    ),
    (_ADMISSION, "MutatingAdmissionPolicy"): _Rules(policies.mutating),
    (_ADMISSION, "MutatingAdmissionPolicyBinding"): _Rules(policies.mutating_binding),
    (_ADMISSION, "MutatingWebhookConfiguration"): _Rules(
        webhooks.configuration, webhooks.configuration_update
    ),
    (_ADMISSION, "ValidatingAdmissionPolicy"): _Rules(policies.validating),
    (_ADMISSION, "ValidatingAdmissionPolicyBinding"): _Rules(policies.validating_binding),
    (_ADMISSION, "ValidatingWebhookConfiguration"): _Rules(
        webhooks.configuration, webhooks.configuration_update
    ),
    ("apiregistration.k8s.io", "APIService"): _Rules(aggregation.api_service),
    ("apps", "ControllerRevision"): _Rules(
        workloads.controller_revision, workloads.controller_revision_update
    ),
    ("apps", "DaemonSet"): _Rules(
        workloads.daemon_set, workloads.daemon_set_update, workloads.daemon_set_status
    ),
    ("apps", "Deployment"): _Rules(
        workloads.deployment, workloads.deployment_update, workloads.deployment_status
    ),
    ("apps", "ReplicaSet"): _Rules(
        workloads.replica_set, workloads.replica_set_update, workloads.replicas_status
    ),
    ("apps", "StatefulSet"): _Rules(
        workloads.stateful_set, workloads.stateful_set_update, workloads.stateful_set_status
    ),
    ("autoscaling", "HorizontalPodAutoscaler"): _Rules(
        autoscaling.autoscaler, autoscaling.autoscaler_update, autoscaling.autoscaler_status
    ),
    ("batch", "CronJob"): _Rules(jobs.cron_job, jobs.cron_job_update),
    ("batch", "Job"): _Rules(jobs.job, jobs.job_update, job_status.update),
    ("coordination.k8s.io", "Lease"): _Rules(cluster.lease),
    ("discovery.k8s.io", "EndpointSlice"): _Rules(
        endpoints.endpoint_slice, endpoints.endpoint_slice_update
    ),
    ("events.k8s.io", "Event"): _Rules(cluster.modern_event, cluster.modern_event_update),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"): _Rules(flowcontrol.flow_schema),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"): _Rules(
        flowcontrol.priority_level
    ),
    ("networking.k8s.io", "IPAddress"): _Rules(networking.ip_address, networking.ip_address_update),
    ("networking.k8s.io", "Ingress"): _Rules(
        networking.ingress, networking.ingress_update, networking.ingress_status
    ),
    ("networking.k8s.io", "IngressClass"): _Rules(
        networking.ingress_class, networking.ingress_class_update
    ),
    ("networking.k8s.io", "NetworkPolicy"): _Rules(networking.network_policy),
    ("networking.k8s.io", "ServiceCIDR"): _Rules(
        networking.service_cidr, networking.service_cidr_update
    ),
    ("node.k8s.io", "RuntimeClass"): _Rules(cluster.runtime_class, cluster.runtime_class_update),
    ("policy", "PodDisruptionBudget"): _Rules(
        autoscaling.disruption_budget, status=autoscaling.disruption_budget_status
    ),
    (_RBAC, "ClusterRole"): _Rules(rbac.cluster_role),
    (_RBAC, "ClusterRoleBinding"): _Rules(
        rbac.cluster_role_binding, rbac.cluster_role_binding_update
    ),
    (_RBAC, "Role"): _Rules(rbac.role),
    (_RBAC, "RoleBinding"): _Rules(rbac.role_binding, rbac.role_binding_update),
    ("resource.k8s.io", "DeviceClass"): _Rules(devices.device_class),
    ("resource.k8s.io", "ResourceClaim"): _Rules(devices.claim, devices.claim_update),
    ("resource.k8s.io", "ResourceClaimTemplate"): _Rules(
        devices.claim_template, devices.claim_update
    ),
    ("resource.k8s.io", "ResourceSlice"): _Rules(devices.slice_, devices.slice_update),
    ("scheduling.k8s.io", "PriorityClass"): _Rules(
        cluster.priority_class, cluster.priority_class_update
    ),
    ("storage.k8s.io", "CSIDriver"): _Rules(storage.csi_driver, storage.csi_driver_update),
    ("storage.k8s.io", "CSINode"): _Rules(storage.csi_node, storage.csi_node_update),
    ("storage.k8s.io", "CSIStorageCapacity"): _Rules(storage.capacity, storage.capacity_update),
    ("storage.k8s.io", "StorageClass"): _Rules(storage.storage_class, storage.storage_class_update),
    ("storage.k8s.io", "VolumeAttachment"): _Rules(
        storage.attachment, storage.attachment_update, storage.attachment_status
    ),
    ("storage.k8s.io", "VolumeAttributesClass"): _Rules(
        storage.attributes_class, storage.attributes_class_update
    ),
}
# What a subresource other than `status` may do to an object; none is held to the rules of
# a plain update, since each settles first what it does not reach.
_SUBRESOURCES: dict[tuple[str, str], _Update] = {
    ("Pod", "ephemeralcontainers"): pod_updates.ephemeral_containers,
    ("Pod", "resize"): pod_updates.resize,
    ("Namespace", "finalize"): cluster.namespace_finalize,
}


def validate_create(resource: Resource, obj: Object) -> list[Cause]:
    """Everything wrong with a new object of a built-in kind."""
    about = obj["metadata"]
    found = [] if is_plain(resource, about) else list(metadata.validate(resource, about))
    rules = _RULES.get((resource.group, resource.kind))
    if rules:
        found += rules.create(obj)
    return found


def validate_update(
    resource: Resource, new: Object, old: Object, subresource: str = ""
) -> list[Cause]:
    """Everything wrong with an object that replaces `old`, through a subresource or not.

    What was stored before a rule existed may stay as it is: rules of creation are applied again
    only where something changed.
    """
    found = list(metadata.validate_update(resource, new["metadata"], old["metadata"]))
    rules = _RULES.get((resource.group, resource.kind))
    if subresource:
        if subresource == "status":
            check = rules.status if rules else None
        else:
            check = None if resource.group else _SUBRESOURCES.get((resource.kind, subresource))
        if check:
            found += check(new, old)
        return found
    if not rules:
        return found
    if _content(new) != _content(old) or (rules.annotations and _annotations(new, old)):
        found += rules.update(new, old) if rules.update else rules.create(new)
    return found


def _content(obj: Object) -> Object:
    return {k: v for k, v in obj.items() if k not in ("metadata", "status")}


def _annotations(new: Object, old: Object) -> bool:
    now, before = (o["metadata"].get("annotations") or {} for o in (new, old))
    return bool(now != before)
