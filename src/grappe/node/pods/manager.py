"""The pods of this node: a worker for each pod bound to it, woken by the API server and by the
runtime; sandboxes of pods that are no more are removed."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Mapping

from grappe.api import Object
from grappe.api.resources import PODS
from grappe.client.informer import EventType, Informer
from grappe.node.pods import spec
from grappe.node.pods.admission import admit
from grappe.node.pods.context import NodeContext
from grappe.node.pods.snapshot import Stop
from grappe.node.pods.worker import PodWorker
from grappe.node.runtime.interface import LABEL_POD_UID, RuntimeFault

log = logging.getLogger("grappe.node.pods")

_RELIST = 60.0


class PodManager:
    """`run` until cancelled; containers go on running then."""

    def __init__(self, context: NodeContext) -> None:
        self._node = context
        self.informer = Informer(
            context.client, PODS, field_selector=f"spec.nodeName={context.settings.node_name}"
        )
        self._workers: dict[str, PodWorker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._owners: dict[str, str] = {}

    @property
    def workers(self) -> Mapping[str, PodWorker]:
        """By pod uid."""
        return self._workers

    def find(self, namespace: str, name: str) -> PodWorker | None:
        """The worker of the pod that has this name now."""
        for worker in self._workers.values():
            meta = worker.pod["metadata"]
            if meta["name"] == name and meta["namespace"] == namespace:
                return worker
        return None

    def references_changed(self, uid: str) -> None:
        worker = self._workers.get(uid)
        if worker is not None:
            worker.references_changed()

    async def run(self) -> None:
        self.informer.add_handler(self._on_pod)
        informing = asyncio.create_task(self.informer.run(), name="informer pods")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow_runtime(), name="runtime events")
                group.create_task(self._relist(), name="relist")
        finally:
            informing.cancel()
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(informing, *self._tasks.values(), return_exceptions=True)

    # -- the API server's side
    def _on_pod(self, event: EventType, pod: Object, old: Object | None) -> None:
        uid = spec.uid(pod)
        if old is not None and spec.uid(old) != uid and (gone := self._workers.get(spec.uid(old))):
            gone.deleted()
        worker = self._workers.get(uid)
        if event == "DELETED":
            if worker is not None:
                worker.deleted()
        elif worker is not None:
            worker.update(pod)
        else:
            self._begin(pod)

    def _begin(self, pod: Object) -> None:
        uid = spec.uid(pod)
        worker = PodWorker(self._node, pod, noticed=self._owners.__setitem__)
        if not (pod.get("status") or {}).get("startTime") and not spec.is_terminal(pod):
            others = [w.pod for w in self._workers.values() if not w.stopping]
            refused = admit(pod, others, self._node.allocatable)
            if refused is not None:
                self._node.recorder.event(pod, "Warning", refused.reason, refused.message)
                worker.stop(Stop(refused.reason, refused.message, "Failed"))
        self._workers[uid] = worker
        task = asyncio.create_task(worker.run(), name=f"pod {spec.described(pod)}")
        self._tasks[uid] = task
        task.add_done_callback(lambda done: self._ended(uid, done))

    def _ended(self, uid: str, task: asyncio.Task[None]) -> None:
        self._workers.pop(uid, None)
        self._tasks.pop(uid, None)
        for key in [key for key, owner in self._owners.items() if owner == uid]:
            del self._owners[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the worker of pod %s ended: %r", uid, error)

    # -- the runtime's side
    async def _follow_runtime(self) -> None:
        async for event in self._node.runtime.events():
            if event.kind == "lost":
                self._wake_all()
                continue
            owner = self._owners.get(event.container_id)
            worker = self._workers.get(owner) if owner is not None else None
            if worker is not None and event.kind != "removed":
                worker.wake()

    def _wake_all(self) -> None:
        for worker in self._workers.values():
            worker.wake()

    async def _relist(self) -> None:
        """Once a minute, and first when all pods are known: nothing missed, nothing left over."""
        await self.informer.synced.wait()
        while True:
            try:
                await self._remove_orphans()
            except (RuntimeFault, TimeoutError, OSError) as fault:
                log.warning("looking for left-over sandboxes: %s", fault)
            await asyncio.sleep(_RELIST)
            self._wake_all()

    async def _remove_orphans(self) -> None:
        """Sandboxes and directories of pods the API server does not know any more."""
        for sandbox in await self._node.runtime.list_sandboxes():
            uid = sandbox.labels.get(LABEL_POD_UID, "")
            if uid not in self._workers:
                log.info("removing the sandbox of a pod that is gone: %s", sandbox.name)
                await self._node.runtime.stop_sandbox(sandbox.id)
                await self._node.runtime.remove_sandbox(sandbox.id)
        root = self._node.settings.pod_root
        for directory in root.iterdir() if root.is_dir() else ():
            if directory.name not in self._workers:
                await self._node.mounter.remove(directory.name)
        logs = self._node.settings.log_root
        for directory in logs.iterdir() if logs.is_dir() else ():
            if directory.name.rpartition("_")[2] not in self._workers:
                await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
