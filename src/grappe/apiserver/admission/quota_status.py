"""Keeps the status of ResourceQuotas true: what of each limit is used.

In Kubernetes a controller does this; here it is where the counting is.
https://kubernetes.io/docs/concepts/policy/resource-quotas/
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from grappe.api import Object
from grappe.api.quantity import QuantityError, spell
from grappe.apiserver.admission.kinds import RESOURCE_QUOTAS
from grappe.apiserver.admission.quota_counter import QuotaCounter, resource_of
from grappe.apiserver.loopback import Loopback
from grappe.apiserver.records import body_of
from grappe.apiserver.upkeep import Upkeep
from grappe.store.interface import Event, Store, Subscription


class QuotaStatus:
    """Runs from `start` to `stop`. Watches what the quotas there are count, and nothing else."""

    def __init__(self, store: Store, counter: QuotaCounter) -> None:
        self._store = store
        self._counter = counter
        self._upkeep = Upkeep("quota status", self._settle)
        self._loopback: Loopback | None = None
        self._counted: dict[str, frozenset[str]] = {}
        """By quota (`namespace/name`): the buckets it counts."""
        self._watches: dict[str, Subscription] = {}

    def start(self, loopback: Loopback) -> None:
        self._loopback = loopback
        self._upkeep.follow(self._store, RESOURCE_QUOTAS.bucket)
        self._upkeep.start()

    async def stop(self) -> None:
        for watch in self._watches.values():
            watch.cancel()
        self._watches.clear()
        await self._upkeep.stop()

    def _objects_changed(self, bucket: str, events: Sequence[Event]) -> None:
        touched = {e.record.key.partition("/")[0] for e in events if _matters(e)}
        self._upkeep.look_at(
            key
            for key, buckets in self._counted.items()
            if bucket in buckets and key.partition("/")[0] in touched
        )

    def _follow(self, key: str, hard: Object) -> None:
        """Watch what a quota counts, and no longer what none counts."""
        if hard:
            self._counted[key] = frozenset(resource_of(name).bucket for name in hard)
        else:
            self._counted.pop(key, None)
        needed = {bucket for buckets in self._counted.values() for bucket in buckets}
        for bucket in needed - self._watches.keys():
            deliver = partial(self._objects_changed, bucket)
            self._watches[bucket] = self._store.watch(bucket, self._store.revision, deliver)
        for bucket in self._watches.keys() - needed:
            self._watches.pop(bucket).cancel()

    async def _settle(self, key: str) -> None:
        record = self._store.get(RESOURCE_QUOTAS.bucket, key)
        quota = body_of(record) if record else {}
        hard: dict[str, str] = (quota.get("spec") or {}).get("hard") or {}
        self._follow(key, hard)
        if record is None or self._loopback is None:
            return
        namespace, _, name = key.partition("/")
        used = self._counter.used(namespace, quota, hard)
        try:
            told = {k: spell(used.get(k, 0), str(like)) for k, like in hard.items()}
        except QuantityError:
            return  # a limit that is no quantity: validation will have told
        status = quota.get("status") or {}
        if status.get("hard") == hard and status.get("used") == told:
            return
        patch = {
            "metadata": {"resourceVersion": str(record.revision)},
            "status": {
                "hard": dict.fromkeys(status.get("hard") or (), None) | hard,
                "used": dict.fromkeys(status.get("used") or (), None) | told,
            },
        }
        await self._loopback.merge(RESOURCE_QUOTAS, namespace, name, patch, "status")


def _matters(event: Event) -> bool:
    """Whether a change may change what is used: most changes of a pod's status do not."""
    if event.type != "MODIFIED" or event.previous is None:
        return True
    phase = "status.phase"
    if phase not in event.record.fields:
        return True
    return event.record.fields.get(phase) != event.previous.fields.get(phase)
