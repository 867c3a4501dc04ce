"""Which kinds have something to warn of, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Literal, NamedTuple

from grappe.api import Object
from grappe.api.resources import Resource

Warnings = Iterator[str]
When = Literal["create", "spec", "always"]


class _Rule(NamedTuple):
    """`when` an update warns as well: never (`create`), when the spec changes or `always`."""

    module: str
    function: str
    when: When


_RULES: dict[tuple[str, str], _Rule] = {
    ("", "Endpoints"): _Rule("networking", "endpoints", "always"),
    ("", "Node"): _Rule("cluster", "node", "always"),
    ("", "PersistentVolume"): _Rule("storage", "persistent_volume", "always"),
    ("", "PersistentVolumeClaim"): _Rule("storage", "claim", "always"),
    # People do not change pods, and controllers do it often.
    ("", "Pod"): _Rule("pods", "pod", "create"),
    ("", "PodTemplate"): _Rule("workloads", "pod_template", "always"),
    ("", "ReplicationController"): _Rule("workloads", "templated", "spec"),
    ("", "Secret"): _Rule("secrets", "secret", "always"),
    ("", "Service"): _Rule("networking", "service", "always"),
    ("", "ServiceAccount"): _Rule("cluster", "service_account", "create"),
    ("apps", "DaemonSet"): _Rule("workloads", "templated", "spec"),
    ("apps", "Deployment"): _Rule("workloads", "templated", "spec"),
    ("apps", "ReplicaSet"): _Rule("workloads", "templated", "spec"),
    ("apps", "StatefulSet"): _Rule("workloads", "stateful_set", "spec"),
    ("batch", "CronJob"): _Rule("workloads", "cron_job", "spec"),
    ("batch", "Job"): _Rule("workloads", "job", "spec"),
    ("discovery.k8s.io", "EndpointSlice"): _Rule("networking", "endpoint_slice", "always"),
    ("networking.k8s.io", "Ingress"): _Rule("networking", "ingress", "create"),
    ("networking.k8s.io", "NetworkPolicy"): _Rule("networking", "network_policy", "always"),
    ("node.k8s.io", "RuntimeClass"): _Rule("cluster", "runtime_class", "always"),
    ("storage.k8s.io", "CSIStorageCapacity"): _Rule("storage", "capacity", "always"),
    ("storage.k8s.io", "StorageClass"): _Rule("storage", "storage_class", "always"),
}


def warnings_of(resource: Resource, new: Object, old: Object | None = None) -> list[str]:
    """What to tell whoever creates `new`, a valid object of a built-in kind with its defaults,
    or puts it in the place of `old`."""
    rule = _RULES.get((resource.group, resource.kind))
    if rule is None:
        return []
    if old is not None and rule.when != "always":
        if rule.when == "create" or new.get("spec") == old.get("spec"):
            return []
        if resource.group == "batch":
            # That the name is no label was said when it could still be chosen.
            return list(_function(rule.module, f"changed_{rule.function}")(new))
    return list(_function(rule.module, rule.function)(new))


@cache
def _function(module: str, name: str) -> Callable[[Object], Warnings]:
    """Imported when a kind is first written: most never are."""
    found: Callable[[Object], Warnings] = getattr(
        import_module(f"grappe.api.warnings.{module}"), name
    )
    return found
