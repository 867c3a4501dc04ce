"""ResourceQuota: no new object beyond what a namespace may use together."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.quantity import spell
from grappe.api.resources import PODS
from grappe.apiserver.admission.kinds import RESOURCE_QUOTAS
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.plugin import Plugin, refuse
from grappe.apiserver.admission.pod_amounts import Amounts, amounts
from grappe.apiserver.admission.quota_counter import QuotaCounter
from grappe.apiserver.admission.quota_usage import Facts, facts, in_scope, unspecified
from grappe.apiserver.registry.interface import AdmissionRequest, Operation


class ResourceQuota(Plugin):
    """Counts what is there at each create, so that a quota holds whatever its status says.

    An admitted object counts from then on, although it is not stored yet.
    """

    def __init__(self, live: Live, counter: QuotaCounter) -> None:
        self._live = live
        self._counter = counter

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        return operation == "CREATE" and not subresource

    def validate(self, request: AdmissionRequest) -> None:
        resource = request.served.resource
        if not resource.namespaced:
            return
        quotas = list(self._live.list(RESOURCE_QUOTAS, request.namespace))
        if not quotas:
            return
        wanted = facts(resource, request.obj or {})
        counted = [self._check(request, quota, wanted) for quota in quotas]
        if any(counted) and not request.dry_run:
            key = f"{request.namespace}/{request.name}"
            self._counter.admitted(resource.bucket, key, wanted)

    def _check(self, request: AdmissionRequest, quota: Object, wanted: Facts) -> bool:
        """Whether the quota counts the object; ApiError when it has no room for it."""
        resource, obj = request.served.resource, request.obj or {}
        name = quota["metadata"]["name"]
        limited = (quota.get("spec") or {}).get("hard") or {}
        hard = amounts(limited)
        asked = {k: v for k, v in wanted.used.items() if k in hard and v}
        if not in_scope(quota, wanted):
            return False
        if resource.bucket == PODS.bucket:
            silent = "; ".join(unspecified(obj.get("spec") or {}, limited))
            if silent:
                raise refuse(request, f"failed quota: {name}: must specify {silent}")
        if not asked:
            return False
        used = self._counter.used(request.namespace, quota, asked)
        over = sorted(k for k in asked if asked[k] + used.get(k, 0) > hard[k])
        if over:
            raise refuse(
                request,
                f"exceeded quota: {name}, requested: {_told(asked, over, limited)}, "
                f"used: {_told(used, over, limited)}, limited: {_told(hard, over, limited)}",
            )
        return True


def _told(values: Amounts, names: list[str], like: Object) -> str:
    return ",".join(f"{k}={spell(values.get(k, 0), str(like[k]))}" for k in names)
