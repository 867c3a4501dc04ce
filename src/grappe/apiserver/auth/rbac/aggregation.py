"""Writes the rules of aggregated ClusterRoles into them, so that people see what they grant.

What they grant does not wait for this: the index follows the selected roles itself.
https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles
"""

from __future__ import annotations

from grappe.api.resources import CLUSTER_ROLES
from grappe.apiserver.auth.rbac.index import RbacIndex
from grappe.apiserver.loopback import Loopback
from grappe.apiserver.records import object_of
from grappe.apiserver.upkeep import Upkeep
from grappe.store.interface import Store


class Aggregation:
    """Runs from `start` to `stop`."""

    def __init__(self, index: RbacIndex, store: Store) -> None:
        self._index = index
        self._store = store
        self._upkeep = Upkeep("clusterrole aggregation", self._settle)
        self._loopback: Loopback | None = None
        index.on_change(self._changed)

    def start(self, loopback: Loopback) -> None:
        self._loopback = loopback
        self._upkeep.start()
        self._changed()

    async def stop(self) -> None:
        self._loopback = None
        await self._upkeep.stop()

    def _changed(self) -> None:
        if self._loopback is not None:
            self._upkeep.look_at(self._index.aggregated())

    async def _settle(self, name: str) -> None:
        rules = self._index.outdated(name)
        record = self._store.get(CLUSTER_ROLES.bucket, name)
        if rules is None or record is None or self._loopback is None:
            return
        role = object_of(CLUSTER_ROLES, record)
        role["rules"] = [rule.to_object() for rule in rules]
        await self._loopback.update(CLUSTER_ROLES, role)
