"""Writes the rules of aggregated ClusterRoles into them, so that people see what they grant.

What they grant does not wait for this: the index follows the selected roles itself.
https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import orjson

from grappe.api.errors import ApiError
from grappe.api.resources import CLUSTER_ROLES
from grappe.apiserver.auth.rbac.index import RbacIndex
from grappe.apiserver.auth.rbac.rules import Rule
from grappe.apiserver.loopback import Loopback
from grappe.store.interface import Store

log = logging.getLogger("grappe.apiserver.auth")

_RETRY = 1.0  # seconds until refused writes are tried again


class Aggregation:
    """Runs from `start` to `stop`."""

    def __init__(self, index: RbacIndex, store: Store) -> None:
        self._index = index
        self._store = store
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        index.on_change(self._changed.set)

    def start(self, loopback: Loopback) -> None:
        self._changed.set()
        self._task = asyncio.get_running_loop().create_task(
            self._run(loopback), name="clusterrole aggregation"
        )

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, loopback: Loopback) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            for name, rules in list(self._index.outdated()):
                try:
                    await self._write(loopback, name, rules)
                except ApiError as error:
                    log.warning("clusterrole %s: %s", name, error)
                    asyncio.get_running_loop().call_later(_RETRY, self._changed.set)

    async def _write(self, loopback: Loopback, name: str, rules: Sequence[Rule]) -> None:
        record = self._store.get(CLUSTER_ROLES.bucket, name)
        if record is None:
            return
        role = {
            "kind": CLUSTER_ROLES.kind,
            "apiVersion": CLUSTER_ROLES.api_version,
            **orjson.loads(b"{" + record.body),
            "rules": [rule.to_object() for rule in rules],
        }
        await loopback.update(CLUSTER_ROLES, role)
