"""What the runtime has of one pod. What cannot change any more is asked for only once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from grappe.node.pods import messages
from grappe.node.pods.context import NodeContext
from grappe.node.pods.mounts import termination_file
from grappe.node.runtime.interface import ContainerStatus, Sandbox, SandboxStatus

Containers: TypeAlias = dict[str, tuple[ContainerStatus, ...]]


class Observer:
    """`noticed(container_or_sandbox_id, pod_uid)` is called for everything seen."""

    def __init__(self, context: NodeContext, uid: str, noticed: Callable[[str, str], None]) -> None:
        self._node = context
        self._uid = uid
        self._noticed = noticed
        self._exited: dict[str, ContainerStatus] = {}
        self._current: SandboxStatus | None = None
        self.messages: dict[str, str] = {}
        """Termination messages by container id."""

    async def sandboxes(self) -> tuple[tuple[Sandbox, ...], SandboxStatus | None]:
        """The pod's sandboxes, newest first, and the newest's status."""
        found = sorted(
            await self._node.runtime.list_sandboxes(self._uid),
            key=lambda sandbox: (sandbox.attempt, sandbox.created_at),
            reverse=True,
        )
        for sandbox in found:
            self._noticed(sandbox.id, self._uid)
        if not found:
            return (), None
        newest, known = found[0], self._current
        if known is None or (known.id, known.ready) != (newest.id, newest.ready):
            known = self._current = await self._node.runtime.sandbox_status(newest.id)
        return tuple(found), known

    async def containers(self) -> Containers:
        """Every instance of every container by name, newest first, with its sandbox."""
        by_name: dict[str, list[ContainerStatus]] = {}
        for listed in await self._node.runtime.list_containers(self._uid):
            self._noticed(listed.id, self._uid)
            status = self._exited.get(listed.id)
            if status is None:
                full = await self._node.runtime.container_status(listed.id)
                status = full._replace(sandbox_id=listed.sandbox_id)
                if status.state == "exited":
                    self._keep(status)
            by_name.setdefault(status.name, []).append(status)
        for instances in by_name.values():
            instances.sort(key=lambda c: (c.attempt, c.created_at), reverse=True)
        return {name: tuple(instances) for name, instances in by_name.items()}

    def forget(self, container_id: str) -> ContainerStatus | None:
        """An instance is about to be removed; its last status, if it has ended."""
        self.messages.pop(container_id, None)
        return self._exited.pop(container_id, None)

    def _keep(self, status: ContainerStatus) -> None:
        self._exited[status.id] = status
        file = termination_file(self._node.settings, self._uid, status.name, status.attempt)
        self.messages[status.id] = messages.read(status, file)
