"""Node life cycle: look, decide, act, report."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import LEASES, NODES, PODS
from grappe.base.clock import rfc3339
from grappe.client.informer import EventType
from grappe.controllers.context import Context
from grappe.controllers.informers import NODE
from grappe.controllers.nodelifecycle.decide import GRACE, Plan, World, decide
from grappe.controllers.pod_control import patch_pod_status
from grappe.controllers.pods import is_ready
from grappe.reconcile import Controller, Key, Result, conditions

_LATE = 10.0
"""Seconds we may be late ourselves before we distrust what we think of the nodes."""


def build(context: Context) -> Controller:
    return NodeLifecycleController(context).controller


class NodeLifecycleController:
    """Signs of life are changes of a node's lease or status as we notice them: clocks of different
    machines are never compared, and a clock that is set makes no node silent."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._nodes = context.informers.of(NODES)
        self._leases = context.informers.of(LEASES)
        self._pods = context.informers.of(PODS)
        self._recorder = context.recorder("node-controller")
        self._heard: dict[str, float] = {}
        self._expected_at: dict[str, float] = {}
        self.controller = Controller("nodelifecycle", reconcile=self.reconcile, concurrency=4)
        self._nodes.add_handler(self._node_changed)
        self._leases.add_handler(self._lease_changed)

    def _node_changed(self, event_type: EventType, node: Object, old: Object | None) -> None:
        name = node["metadata"]["name"]
        if event_type == "DELETED":
            self._heard.pop(name, None)
            self._expected_at.pop(name, None)
            return
        if old is None or _heartbeat(node) != _heartbeat(old):
            self._heard[name] = self._clock.elapsed()
        self.controller.enqueue(None, name)
        if old is None or _is_ready(node) != _is_ready(old):
            for other in self._nodes.list():  # whether all are silent may have changed
                self.controller.enqueue_object(other)

    def _lease_changed(self, event_type: EventType, lease: Object, old: Object | None) -> None:
        meta = lease["metadata"]
        if meta["namespace"] == "kube-node-lease" and event_type != "DELETED":
            self._heard[meta["name"]] = self._clock.elapsed()

    async def reconcile(self, key: Key) -> Result | None:
        node = self._nodes.get(None, key.name)
        if node is None:
            return None
        now, elapsed = self._clock.now(), self._clock.elapsed()
        self._forgive(key.name, elapsed)
        silence = elapsed - self._heard.setdefault(key.name, elapsed)
        plan = decide(World(node, silence, self._others_ready(key.name, elapsed)), now)
        await self._act(node, plan, now)
        if plan.look_again_in is None:
            return None
        self._expected_at[key.name] = elapsed + plan.look_again_in
        return Result(max(plan.look_again_in, 0.01))

    def _others_ready(self, name: str, elapsed: float) -> bool:
        """Whether another node is ready and, as far as we know, has not fallen silent too."""
        return any(
            _is_ready(node) and elapsed < self._heard.get(other, elapsed) + GRACE
            for node in self._nodes.list()
            if (other := node["metadata"]["name"]) != name
        )

    def _forgive(self, name: str, elapsed: float) -> None:
        """We were stopped or asleep ourselves: the silence since may be ours."""
        expected = self._expected_at.pop(name, None)
        if expected is not None and elapsed > expected + _LATE:
            self._heard[name] = elapsed

    async def _act(self, node: Object, plan: Plan, now: float) -> None:
        name = node["metadata"]["name"]
        try:
            if plan.conditions is not None:
                await self._client.patch(
                    NODES,
                    name,
                    {"status": {"conditions": plan.conditions}},
                    patch_type="application/strategic-merge-patch+json",
                    subresource="status",
                )
            if plan.lost:
                message = f"Node {name} status is now: NodeNotReady"
                self._recorder.event(node, "Normal", "NodeNotReady", message)
                await self._mark_pods(name, now)
            if plan.taints is not None:
                await self._set_taints(node, plan.taints)
        except ApiError as error:
            if error.code != 404:
                raise

    async def _set_taints(self, node: Object, taints: list[Object]) -> None:
        """Bound to the revision that was looked at, unless only the status has changed since."""
        fresh = await self._client.get(NODES, node["metadata"]["name"])
        if (fresh["spec"].get("taints") or []) != (node["spec"].get("taints") or []):
            raise ApiError(409, "Conflict", "the node's taints have changed")
        meta = fresh["metadata"]
        patch = {
            "metadata": {"resourceVersion": meta["resourceVersion"], "uid": meta["uid"]},
            "spec": {"taints": taints or None},
        }
        await self._client.patch(NODES, meta["name"], patch)

    async def _mark_pods(self, node: str, now: float) -> None:
        """Pods of a node that fell silent no longer count as ready."""
        for pod in self._pods.by_index(NODE, node):
            if not is_ready(pod):
                continue
            condition = {
                **(conditions.find(pod, "Ready") or {}),
                "type": "Ready",
                "status": "False",
                "lastTransitionTime": rfc3339(now),
            }
            self._recorder.event(pod, "Warning", "NodeNotReady", "Node is not ready")
            await patch_pod_status(self._client, pod, {"conditions": [condition]})


def _is_ready(node: Object) -> bool:
    return conditions.is_true(node, "Ready")


def _heartbeat(node: Object) -> object:
    """What a kubelet renews in its status; what we write there ourselves does not count."""
    listed = (node.get("status") or {}).get("conditions") or ()
    return [c.get("lastHeartbeatTime") for c in listed]
