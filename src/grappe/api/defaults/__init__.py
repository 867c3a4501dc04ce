"""The defaults of built-in kinds: what the API server fills in when a field is left out.

One small module for each group of kinds; every function takes a decoded object (types already
checked by its schema) and fills it in place. Idempotent. Must never depend on anything outside
the object: what needs the cluster's state (addresses, storage class, priority) is admission's or
the registry's to fill in.
Values: https://kubernetes.io/docs/reference/kubernetes-api/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from grappe.api import Object
from grappe.api.defaults import (
    admission,
    autoscaling,
    batch,
    core,
    extensions,
    flowcontrol,
    networking,
    pods,
    policy,
    rbac,
    scheduling,
    services,
    storage,
    workloads,
)
from grappe.api.defaults.shown import SHOWN, show
from grappe.api.resources import Resource

Defaulter: TypeAlias = Callable[[Object], None]

_BY_BUCKET: Mapping[str, Mapping[str, Defaulter]] = {
    "": {**core.DEFAULTS, **pods.DEFAULTS, **services.CORE_DEFAULTS, **storage.CORE_DEFAULTS},
    "admissionregistration.k8s.io": admission.DEFAULTS,
    "apiextensions.k8s.io": extensions.DEFAULTS,
    "apiregistration.k8s.io": extensions.AGGREGATION_DEFAULTS,
    "apps": workloads.DEFAULTS,
    "autoscaling": autoscaling.DEFAULTS,
    "batch": batch.DEFAULTS,
    "discovery.k8s.io": services.DISCOVERY_DEFAULTS,
    "flowcontrol.apiserver.k8s.io": flowcontrol.DEFAULTS,
    "networking.k8s.io": networking.DEFAULTS,
    "policy": policy.DEFAULTS,
    "rbac.authorization.k8s.io": rbac.DEFAULTS,
    "resource.k8s.io": scheduling.RESOURCE_DEFAULTS,
    "scheduling.k8s.io": scheduling.DEFAULTS,
    "storage.k8s.io": storage.DEFAULTS,
}


def apply_defaults(resource: Resource, obj: Object) -> None:
    """Fill in the defaults of a built-in kind, in place."""
    found = _BY_BUCKET.get(resource.group, {}).get(resource.kind)
    if found is not None:
        found(obj)
    always = SHOWN.get((resource.group, resource.kind))
    if always is not None:
        show(obj, always)
