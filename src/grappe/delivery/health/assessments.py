"""Which kind is judged by which function."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from grappe.api import Object
from grappe.delivery.health.api_objects import api_service, application, custom_resource_definition
from grappe.delivery.health.networking import ingress, service
from grappe.delivery.health.pods import job, pod
from grappe.delivery.health.storage import persistent_volume_claim
from grappe.delivery.health.verdict import Health
from grappe.delivery.health.workloads import (
    daemon_set,
    deployment,
    horizontal_pod_autoscaler,
    replica_set,
    stateful_set,
)

ASSESSMENTS: Mapping[tuple[str, str], Callable[[Object], Health]] = {
    ("", "PersistentVolumeClaim"): persistent_volume_claim,
    ("", "Pod"): pod,
    ("", "Service"): service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): custom_resource_definition,
    ("apiregistration.k8s.io", "APIService"): api_service,
    ("apps", "DaemonSet"): daemon_set,
    ("apps", "Deployment"): deployment,
    ("apps", "ReplicaSet"): replica_set,
    ("apps", "StatefulSet"): stateful_set,
    ("argoproj.io", "Application"): application,
    ("autoscaling", "HorizontalPodAutoscaler"): horizontal_pod_autoscaler,
    ("batch", "Job"): job,
    ("networking.k8s.io", "Ingress"): ingress,
}
