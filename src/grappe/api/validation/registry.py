"""Which rules a kind has."""

from __future__ import annotations

from collections.abc import Callable

from grappe.api import Object
from grappe.api.errors import Cause
from grappe.api.resources import Resource
from grappe.api.validation import (
    aggregation,
    configuration,
    metadata,
    networking,
    pods,
    policies,
    webhooks,
    workloads,
)
from grappe.api.validation.plain_metadata import is_plain
from grappe.api.validation.rules import Causes

_Create = Callable[[Object], Causes]
_Update = Callable[[Object, Object], Causes]

_ADMISSION = "admissionregistration.k8s.io"
_RBAC = "rbac.authorization.k8s.io"
_RULES: dict[tuple[str, str], tuple[_Create, _Update | None]] = {
    ("", "Pod"): (pods.validate, pods.validate_update),
    ("", "PodTemplate"): (workloads.pod_template, None),
    ("", "ReplicationController"): (workloads.replication_controller, None),
    ("", "Service"): (networking.service, networking.service_update),
    ("", "Endpoints"): (networking.endpoints, None),
    ("", "ConfigMap"): (configuration.config_map, configuration.config_map_update),
    ("", "Secret"): (configuration.secret, configuration.secret_update),
    ("", "ResourceQuota"): (configuration.resource_quota, None),
    ("", "PersistentVolumeClaim"): (configuration.volume_claim, None),
    ("", "PersistentVolume"): (configuration.volume, None),
    ("", "Event"): (configuration.event, None),
    ("apps", "Deployment"): (workloads.deployment, workloads.same_selector_update),
    ("apps", "ReplicaSet"): (workloads.replica_set, workloads.same_selector_update),
    ("apps", "StatefulSet"): (workloads.stateful_set, workloads.stateful_set_update),
    ("apps", "DaemonSet"): (workloads.daemon_set, workloads.same_selector_update),
    ("batch", "Job"): (workloads.job, workloads.job_update),
    ("batch", "CronJob"): (workloads.cron_job, None),
    ("autoscaling", "HorizontalPodAutoscaler"): (workloads.autoscaler, None),
    ("policy", "PodDisruptionBudget"): (workloads.disruption_budget, None),
    ("discovery.k8s.io", "EndpointSlice"): (
        networking.endpoint_slice,
        networking.endpoint_slice_update,
    ),
    ("networking.k8s.io", "Ingress"): (networking.ingress, None),
    ("networking.k8s.io", "NetworkPolicy"): (networking.network_policy, None),
    (_RBAC, "Role"): (configuration.role, None),
    (_RBAC, "ClusterRole"): (configuration.role, None),
    (_RBAC, "RoleBinding"): (configuration.binding, configuration.binding_update),
    (_RBAC, "ClusterRoleBinding"): (configuration.binding, configuration.binding_update),
    (_ADMISSION, "MutatingWebhookConfiguration"): (
        webhooks.configuration,
        webhooks.configuration_update,
    ),
    (_ADMISSION, "ValidatingWebhookConfiguration"): (
        webhooks.configuration,
        webhooks.configuration_update,
    ),
    ("apiregistration.k8s.io", "APIService"): (aggregation.api_service, None),
    (_ADMISSION, "ValidatingAdmissionPolicy"): (policies.validating, None),
    (_ADMISSION, "ValidatingAdmissionPolicyBinding"): (policies.validating_binding, None),
    (_ADMISSION, "MutatingAdmissionPolicy"): (policies.mutating, None),
    (_ADMISSION, "MutatingAdmissionPolicyBinding"): (policies.mutating_binding, None),
    ("scheduling.k8s.io", "PriorityClass"): (
        configuration.priority_class,
        configuration.priority_class_update,
    ),
    ("coordination.k8s.io", "Lease"): (configuration.lease, None),
    ("storage.k8s.io", "StorageClass"): (
        configuration.storage_class,
        configuration.storage_class_update,
    ),
}


def validate_create(resource: Resource, obj: Object) -> list[Cause]:
    """Everything wrong with a new object of a built-in kind."""
    about = obj["metadata"]
    found = [] if is_plain(resource, about) else list(metadata.validate(resource, about))
    rules = _RULES.get((resource.group, resource.kind))
    if rules:
        found += rules[0](obj)
    return found


def validate_update(resource: Resource, new: Object, old: Object) -> list[Cause]:
    """Everything wrong with an object that replaces `old`.

    What was stored before a rule existed may stay as it is: rules of creation are applied again
    only where something changed.
    """
    found = list(metadata.validate(resource, new["metadata"]))
    rules = _RULES.get((resource.group, resource.kind))
    if not rules:
        return found
    create, update = rules
    if _content(new) != _content(old):
        found += create(new)
        if update:
            found += update(new, old)
    return found


def _content(obj: Object) -> Object:
    return {k: v for k, v in obj.items() if k not in ("metadata", "status")}
