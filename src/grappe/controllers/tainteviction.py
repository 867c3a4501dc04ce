"""Taint eviction: pods leave a node with a NoExecute taint when they do not tolerate it, or no
longer.

watches        pods, nodes
writes         deletes pods, after marking them DisruptionTarget; events
never touches  pods without a node; taints

https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from grappe.api import Object
from grappe.api.resources import NODES, PODS
from grappe.api.tolerations import tolerates
from grappe.base.clock import parse_rfc3339, rfc3339
from grappe.client.informer import EventType
from grappe.controllers.context import Context
from grappe.controllers.informers import NODE
from grappe.controllers.pod_control import delete_pod, patch_pod_status
from grappe.controllers.pods import is_finished, is_terminating
from grappe.reconcile import Controller, Key, Result


def leaves_in(
    tolerations: Sequence[Object], taints: Iterable[tuple[Object, float]]
) -> float | None:
    """In how many seconds a pod has to leave a node: 0 or less is at once, None never. Each taint
    comes with the seconds for which it has been there."""
    left: float | None = None
    for taint, age in taints:
        if taint.get("effect") != "NoExecute":
            continue
        matching = [t for t in tolerations if tolerates(t, taint)]
        if not matching:
            return 0.0
        seconds = [
            t["tolerationSeconds"] for t in matching if t.get("tolerationSeconds") is not None
        ]
        if not seconds:
            continue
        wait = max(0, min(seconds)) - age
        left = wait if left is None else min(left, wait)
    return left


def build(context: Context) -> Controller:
    return TaintEvictionController(context).controller


class TaintEvictionController:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._pods = context.informers.of(PODS)
        self._nodes = context.informers.of(NODES)
        self._recorder = context.recorder("taint-eviction-controller")
        self._tainted_at: dict[str, dict[str, float]] = {}
        self.controller = Controller("tainteviction", reconcile=self.reconcile, concurrency=8)
        self._pods.add_handler(self._pod_changed)
        self._nodes.add_handler(self._node_changed)

    def _pod_changed(self, event_type: EventType, pod: Object, old: Object | None) -> None:
        name = pod["spec"].get("nodeName")
        if not name or event_type == "DELETED":
            return
        if old is None or old["spec"] != pod["spec"]:
            node = self._nodes.get(None, name)
            if node is not None and _taints(node):
                self.controller.enqueue_object(pod)

    def _node_changed(self, event_type: EventType, node: Object, old: Object | None) -> None:
        if event_type == "DELETED":
            self._tainted_at.pop(node["metadata"]["name"], None)
        else:
            self._remember(node)
        if event_type != "DELETED" and _taints(node) != (_taints(old) if old else []):
            for pod in self._pods.by_index(NODE, node["metadata"]["name"]):
                self.controller.enqueue_object(pod)

    def _remember(self, node: Object) -> None:
        """When each taint came, in time that passes however the clock is set; what the clock says
        counts only for those that were there before us."""
        now, elapsed = self._clock.now(), self._clock.elapsed()
        known = self._tainted_at.pop(node["metadata"]["name"], {})
        found = {}
        for taint in _taints(node):
            since = parse_rfc3339(taint["timeAdded"]) if taint.get("timeAdded") else now
            found[taint["key"]] = known.get(taint["key"], elapsed - max(0.0, now - since))
        if found:
            self._tainted_at[node["metadata"]["name"]] = found

    async def reconcile(self, key: Key) -> Result | None:
        pod = self._pods.get(*key)
        if pod is None or is_terminating(pod) or is_finished(pod):
            return None
        node = self._nodes.get(None, pod["spec"].get("nodeName") or "")
        if node is None:
            return None
        elapsed = self._clock.elapsed()
        came = self._tainted_at.get(node["metadata"]["name"], {})
        aged = [(taint, elapsed - came.get(taint["key"], elapsed)) for taint in _taints(node)]
        left = leaves_in(pod["spec"].get("tolerations") or (), aged)
        if left is None:
            return None
        if left > 0:
            return Result(left)
        await self._evict(pod, self._clock.now())
        return None

    async def _evict(self, pod: Object, now: float) -> None:
        meta = pod["metadata"]
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
            "lastTransitionTime": rfc3339(now),
        }
        message = f"Marking for deletion Pod {meta['namespace']}/{meta['name']}"
        self._recorder.event(pod, "Normal", "TaintManagerEviction", message)
        if await patch_pod_status(self._client, pod, {"conditions": [condition]}):
            await delete_pod(self._client, pod)


def _taints(node: Object) -> list[Object]:
    found: list[Object] = (node.get("spec") or {}).get("taints") or []
    return [t for t in found if t.get("effect") == "NoExecute"]
