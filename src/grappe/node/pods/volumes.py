"""The volumes of one pod, and the ConfigMaps and Secrets it uses, for as long as it is here."""

from __future__ import annotations

from typing import Literal, Protocol

from grappe.api import Object
from grappe.node.pods import spec
from grappe.node.pods.context import NodeContext
from grappe.node.pods.environment import references
from grappe.node.volumes.mounter import referred
from grappe.node.volumes.payload import MountFault

_RETRY = 10.0
"""Seconds after which a refresh that failed is tried again."""


class Tell(Protocol):
    """Writes an event about a pod."""

    def __call__(
        self, pod: Object, type: Literal["Normal", "Warning"], reason: str, message: str
    ) -> None: ...


class PodVolumes:
    """What a pod mounts: set up before its sandbox is made, then kept up to date."""

    def __init__(self, context: NodeContext) -> None:
        self._node = context
        self._stale = True
        self._refresh_at: float | None = None

    def pod_changed(self, old: Object, new: Object) -> None:
        """Note whether downwardAPI volumes show something else now."""
        if _shown(old) != _shown(new):
            self.out_of_date()

    def out_of_date(self) -> None:
        """Have the next `refresh` write everything anew."""
        self._stale = True

    async def set_up(self, pod: Object, tell: Tell) -> None:
        """Make them; MountFault, after telling of it, when one cannot be."""
        try:
            await self._write(pod, ())
        except MountFault as fault:
            tell(pod, "Warning", "FailedMount", str(fault))
            raise

    async def refresh(self, pod: Object, ips: tuple[str, ...], tell: Tell) -> float | None:
        """Show changed ConfigMaps and Secrets and renewed tokens to the running containers; also
        after a restart of the agent. Containers go on running when that fails. When to call again
        at the latest, in seconds since the epoch; None: not before something changes."""
        now = self._node.clock.now()
        if self._stale or (self._refresh_at is not None and self._refresh_at <= now):
            try:
                await self._write(pod, ips)
            except MountFault as fault:
                tell(pod, "Warning", "FailedMount", str(fault))
                self._stale, self._refresh_at = False, now + _RETRY
        return self._refresh_at

    async def remove(self, uid: str) -> None:
        """Take all of it away. Idempotent."""
        await self._node.mounter.remove(uid)
        self._node.references.release(uid)

    async def _write(self, pod: Object, ips: tuple[str, ...]) -> None:
        self._stale = False  # what changes while they are written makes them stale again
        try:
            self._refresh_at = await self._node.mounter.set_up(pod, ips)
        except BaseException:
            self._stale = True
            raise
        self._node.references.keep(spec.uid(pod), _used(pod))


def _used(pod: Object) -> set[tuple[str, str, str]]:
    """(kind, namespace, name) of every ConfigMap and Secret in volumes and environments."""
    namespace = pod["metadata"]["namespace"]
    used = referred(pod)
    for declared in spec.containers(pod):
        maps, secrets = references(declared.spec)
        used |= {("configmap", namespace, name) for name in maps}
        used |= {("secret", namespace, name) for name in secrets}
    return used


def _shown(pod: Object) -> tuple[Object | None, Object | None]:
    """What downwardAPI volumes show of a pod and what can change."""
    meta = pod["metadata"]
    return meta.get("labels"), meta.get("annotations")
