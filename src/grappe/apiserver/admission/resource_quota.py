"""ResourceQuota: no new object beyond what a namespace may use together."""

from __future__ import annotations

from collections.abc import Iterator

from grappe.api import Object
from grappe.api.quantity import spell
from grappe.api.resources import PODS, Resource, builtin
from grappe.apiserver.admission.kinds import RESOURCE_QUOTAS
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.plugin import Plugin, refuse
from grappe.apiserver.admission.pod_amounts import Amounts, add, amounts
from grappe.apiserver.admission.quota_usage import in_scope, unspecified, usage
from grappe.apiserver.registry.interface import AdmissionRequest, Operation


class ResourceQuota(Plugin):
    """Counts what is there at each create, so that a quota holds whatever its status says.

    An admitted object counts from then on, although it is not stored yet.
    """

    def __init__(self, live: Live) -> None:
        self._live = live
        self._admitted: dict[tuple[str, str], tuple[Resource, Object]] = {}

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        return operation == "CREATE" and not subresource

    def validate(self, request: AdmissionRequest) -> None:
        resource = request.served.resource
        if not resource.namespaced:
            return
        for quota in self._live.list(RESOURCE_QUOTAS, request.namespace):
            self._check(request, quota)
            if not request.dry_run:
                key = f"{request.namespace}/{request.name}"
                self._admitted[resource.bucket, key] = (resource, request.obj or {})

    def _check(self, request: AdmissionRequest, quota: Object) -> None:
        resource, obj = request.served.resource, request.obj or {}
        name = quota["metadata"]["name"]
        limited = (quota.get("spec") or {}).get("hard") or {}
        hard = amounts(limited)
        asked = {k: v for k, v in usage(resource, obj).items() if k in hard and v}
        if not in_scope(quota, resource, obj):
            return
        if resource.bucket == PODS.bucket:
            silent = "; ".join(unspecified(obj.get("spec") or {}, limited))
            if silent:
                raise refuse(request, f"failed quota: {name}: must specify {silent}")
        if not asked:
            return
        used = self._used(request.namespace, quota, asked)
        over = sorted(k for k in asked if asked[k] + used.get(k, 0) > hard[k])
        if over:
            raise refuse(
                request,
                f"exceeded quota: {name}, requested: {_told(asked, over, limited)}, "
                f"used: {_told(used, over, limited)}, limited: {_told(hard, over, limited)}",
            )

    def _used(self, namespace: str, quota: Object, names: Amounts) -> Amounts:
        resources = {found.bucket: found for found in map(_resource_of, names)}
        return add(
            {k: v for k, v in usage(resource, obj).items() if k in names}
            for resource in resources.values()
            for obj in self._present(resource, namespace)
            if in_scope(quota, resource, obj)
        )

    def _present(self, resource: Resource, namespace: str) -> Iterator[Object]:
        yield from self._live.list(resource, namespace)
        store = self._live.store
        for (bucket, key), (_, obj) in list(self._admitted.items()):
            stored = store.get(bucket, key) is not None
            if stored or store.latest(bucket, key) is None:  # stored, or its write failed
                del self._admitted[bucket, key]
            elif bucket == resource.bucket and key.startswith(f"{namespace}/"):
                yield obj


def _resource_of(name: str) -> Resource:
    """The resource whose objects use the quota resource `name`."""
    plural, group = "pods", ""
    if name.startswith("count/"):
        plural, _, group = name.removeprefix("count/").partition(".")
    elif name.endswith(("persistentvolumeclaims", "requests.storage")):
        plural = "persistentvolumeclaims"
    elif name.startswith("services"):
        plural = "services"
    elif name in ("configmaps", "replicationcontrollers", "resourcequotas", "secrets"):
        plural = name
    return builtin(group, "v1", plural) or Resource(group, "", plural, "")


def _told(values: Amounts, names: list[str], like: Object) -> str:
    return ",".join(f"{k}={spell(values.get(k, 0), str(like[k]))}" for k in names)
