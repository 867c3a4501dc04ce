"""ResourceQuota: no new object beyond what a namespace may use together."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.quantity import spell
from grappe.api.resources import PODS, SERVICES
from grappe.apiserver.admission.kinds import PERSISTENT_VOLUME_CLAIMS, RESOURCE_QUOTAS
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.plugin import Plugin, refuse
from grappe.apiserver.admission.pod_amounts import Amounts, amounts
from grappe.apiserver.admission.quota_counter import QuotaCounter
from grappe.apiserver.admission.quota_usage import Facts, facts, in_scope, unspecified
from grappe.apiserver.registry.interface import AdmissionRequest, Operation

_GROWING = frozenset(
    ((PERSISTENT_VOLUME_CLAIMS.bucket, ""), (SERVICES.bucket, ""), (PODS.bucket, "resize"))
)
"""What may use more after an update, with the subresource that changes it."""


class ResourceQuota(Plugin):
    """Counts what is there at each create, and at updates by which an object uses more, so that a
    quota holds whatever its status says.

    What is admitted counts from then on, although it is not stored yet.
    https://kubernetes.io/docs/concepts/policy/resource-quotas/
    """

    def __init__(self, live: Live, counter: QuotaCounter) -> None:
        self._live = live
        self._counter = counter

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        if operation == "UPDATE":
            return (bucket, subresource) in _GROWING
        return operation == "CREATE" and not subresource

    def validate(self, request: AdmissionRequest) -> None:
        resource = request.served.resource
        if not resource.namespaced:
            return
        quotas = list(self._live.list(RESOURCE_QUOTAS, request.namespace))
        if not quotas:
            return
        wanted = facts(resource, request.obj or {})
        before = facts(resource, request.old).used if request.old else {}
        for quota in quotas:
            self._check(request, quota, wanted, before)
        if not request.dry_run:
            self._counter.admitted(resource.bucket, f"{request.namespace}/{request.name}")

    def _check(
        self, request: AdmissionRequest, quota: Object, wanted: Facts, before: Amounts
    ) -> None:
        """ApiError when the quota has no room for what the object uses more than `before`."""
        resource, obj = request.served.resource, request.obj or {}
        name = quota["metadata"]["name"]
        limited = (quota.get("spec") or {}).get("hard") or {}
        hard = amounts(limited)
        more = {k: v - before.get(k, 0) for k, v in wanted.used.items() if k in hard}
        asked = {k: v for k, v in more.items() if v > 0}
        if not in_scope(quota, wanted):
            return
        if resource.bucket == PODS.bucket:
            silent = "; ".join(unspecified(obj.get("spec") or {}, limited))
            if silent:
                raise refuse(request, f"failed quota: {name}: must specify {silent}")
        if not asked:
            return
        used = self._counter.used(request.namespace, quota, asked)
        over = sorted(k for k in asked if asked[k] + used.get(k, 0) > hard[k])
        if over:
            raise refuse(
                request,
                f"exceeded quota: {name}, requested: {_told(asked, over, limited)}, "
                f"used: {_told(used, over, limited)}, limited: {_told(hard, over, limited)}",
            )


def _told(values: Amounts, names: list[str], like: Object) -> str:
    return ",".join(f"{k}={spell(values.get(k, 0), str(like[k]))}" for k in names)
