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
from grappe.apiserver.admission.quota_usage import Facts, facts, in_scope, unspecified
from grappe.apiserver.records import body_of
from grappe.apiserver.registry.interface import AdmissionRequest, Operation
from grappe.store.interface import Record

_REMEMBERED = 20_000


class ResourceQuota(Plugin):
    """Counts what is there at each create, so that a quota holds whatever its status says.

    An admitted object counts from then on, although it is not stored yet.
    """

    def __init__(self, live: Live) -> None:
        self._live = live
        self._admitted: dict[tuple[str, str], Facts] = {}
        self._known: dict[tuple[str, str], tuple[Record, Facts]] = {}

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
            self._admitted[resource.bucket, f"{request.namespace}/{request.name}"] = wanted

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
        used = self._used(request.namespace, quota, asked)
        over = sorted(k for k in asked if asked[k] + used.get(k, 0) > hard[k])
        if over:
            raise refuse(
                request,
                f"exceeded quota: {name}, requested: {_told(asked, over, limited)}, "
                f"used: {_told(used, over, limited)}, limited: {_told(hard, over, limited)}",
            )
        return True

    def _used(self, namespace: str, quota: Object, names: Amounts) -> Amounts:
        resources = {found.bucket: found for found in map(_resource_of, names)}
        return add(
            {k: v for k, v in found.used.items() if k in names}
            for resource in resources.values()
            for found in self._present(resource, namespace)
            if in_scope(quota, found)
        )

    def _present(self, resource: Resource, namespace: str) -> Iterator[Facts]:
        store, bucket, prefix = self._live.store, resource.bucket, f"{namespace}/"
        for record in store.list(bucket, prefix):
            yield self._facts_of(resource, record)
        for place, found in list(self._admitted.items()):
            stored = store.get(*place) is not None
            if stored or store.latest(*place) is None:  # stored, or its write failed
                del self._admitted[place]
            elif place[0] == bucket and place[1].startswith(prefix):
                yield found

    def _facts_of(self, resource: Resource, record: Record) -> Facts:
        place = (resource.bucket, record.key)
        known = self._known.get(place)
        if known is not None and known[0] is record:
            return known[1]
        found = facts(resource, body_of(record))
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[place] = (record, found)
        return found


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
