"""In which order kinds are applied, as Argo CD does; pruning goes the other way.

https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/
"""

from __future__ import annotations

from grappe.delivery.resource import Ref

PHASES = ("PreSync", "Sync", "PostSync", "SyncFail")

_KINDS = (
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
)
_RANK = {kind: rank for rank, kind in enumerate(_KINDS)}


def kind_rank(ref: Ref) -> int:
    """Kinds not listed (custom resources) come last."""
    return _RANK.get(ref.kind, len(_KINDS))


def sort_key(ref: Ref) -> tuple[int, Ref]:
    return kind_rank(ref), ref
