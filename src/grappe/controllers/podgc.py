"""Pod garbage collector: pods nobody else would remove.

watches        pods, nodes
writes         deletes pods at once: bound to a node that is gone, being deleted before they were
               ever bound, or finished beyond the limit; marks the first as failed
never touches  pods of a node that exists, unless they are finished

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-garbage-collection
"""

from __future__ import annotations

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import NODES, PODS
from grappe.base.clock import rfc3339
from grappe.client.informer import EventType
from grappe.controllers.context import Context
from grappe.controllers.informers import NODE
from grappe.controllers.pod_control import delete_pod, patch_pod_status
from grappe.controllers.pods import is_finished, is_terminating
from grappe.reconcile import Controller, Key, Result

QUARANTINE = 40.0
"""Seconds a node must have been missing, as it may come back (a restart, a rename undone)."""
MOST_FINISHED = 12_500


def build(context: Context) -> Controller:
    return PodGarbageCollector(context).controller


class PodGarbageCollector:
    """Keys are pods. How many finished pods there are is counted as they come and go."""

    def __init__(self, context: Context, most_finished: int = MOST_FINISHED) -> None:
        self._client = context.client
        self._clock = context.clock
        self._pods = context.informers.of(PODS)
        self._nodes = context.informers.of(NODES)
        self._most = most_finished
        self._finished = 0
        self._missing_since: dict[str, float] = {}
        self.controller = Controller("podgc", reconcile=self.reconcile, concurrency=4)
        self._pods.add_handler(self._pod_changed)
        self._nodes.add_handler(self._node_changed)

    def _pod_changed(self, event_type: EventType, pod: Object, old: Object | None) -> None:
        before = old is not None and is_finished(old)
        now = event_type != "DELETED" and is_finished(pod)
        self._finished += now - before
        if event_type == "DELETED":
            return
        node = pod["spec"].get("nodeName")
        stray = bool(node) and self._nodes.get(None, node) is None
        if stray or (is_terminating(pod) and not node):
            self.controller.enqueue_object(pod)
        if self._finished > self._most and now and not before:
            self._enqueue_oldest()

    def _node_changed(self, event_type: EventType, node: Object, old: Object | None) -> None:
        name = node["metadata"]["name"]
        self._missing_since.pop(name, None)
        if event_type == "DELETED":
            for pod in self._pods.by_index(NODE, name):
                self.controller.enqueue_object(pod)

    def _enqueue_oldest(self) -> None:
        finished = [p for p in self._pods.list() if is_finished(p) and not is_terminating(p)]
        finished.sort(key=lambda p: str(p["metadata"].get("creationTimestamp")))
        for pod in finished[: len(finished) - self._most]:
            self.controller.enqueue_object(pod)

    async def reconcile(self, key: Key) -> Result | None:
        pod = self._pods.get(*key)
        if pod is None:
            return None
        node = pod["spec"].get("nodeName")
        if node and self._nodes.get(None, node) is None:
            return await self._orphan(pod, node)
        surplus = self._finished > self._most and is_finished(pod)
        if surplus or (is_terminating(pod) and not node):
            await delete_pod(self._client, pod, grace_period=0)
        return None

    async def _orphan(self, pod: Object, node: str) -> Result | None:
        now = self._clock.now()
        since = self._missing_since.setdefault(node, now)
        if now < since + QUARANTINE:
            return Result(since + QUARANTINE - now)
        if await self._exists(node):
            return None
        await self._fail(pod, now)
        await delete_pod(self._client, pod, grace_period=0)
        return None

    async def _exists(self, node: str) -> bool:
        """By the server, not by our copy: what is deleted here does not come back."""
        try:
            await self._client.get(NODES, node)
        except ApiError as error:
            if error.code == 404:
                return False
            raise
        return True

    async def _fail(self, pod: Object, now: float) -> None:
        if is_finished(pod):
            return
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByPodGC",
            "message": "PodGC: node no longer exists",
            "lastTransitionTime": rfc3339(now),
        }
        status = {"phase": "Failed", "conditions": [condition]}
        await patch_pod_status(self._client, pod, status)
