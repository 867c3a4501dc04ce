"""DaemonSet: look, decide, act, report."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.resources import NODES, PODS, builtin_kind
from grappe.client.informer import EventType
from grappe.controllers.claims import owned_pods
from grappe.controllers.context import Context
from grappe.controllers.daemonset.decide import Plan, World, decide
from grappe.controllers.daemonset.nodes import make_pod, target
from grappe.controllers.informers import CONTROLLER, ORPHAN
from grappe.controllers.own_writes import OwnWrites
from grappe.controllers.pod_control import PodControl
from grappe.controllers.revision_control import RevisionControl
from grappe.controllers.revisions import REVISION_LABEL, hash_of
from grappe.controllers.statuses import write_status
from grappe.controllers.watching import OwnerWatch
from grappe.reconcile import Controller, Key, Result
from grappe.reconcile.versions import VersionTracker

_FOUND = builtin_kind("apps/v1", "DaemonSet")
assert _FOUND is not None
DAEMON_SETS = _FOUND


def build(context: Context) -> Controller:
    return DaemonSetController(context).controller


class DaemonSetController:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._sets = context.informers.of(DAEMON_SETS)
        self._nodes = context.informers.of(NODES)
        self._pods = context.informers.of(PODS)
        self._revisions = RevisionControl(context.client, context.informers)
        self._own = OwnWrites(self._pods).follow(self._sets)
        self._versions = VersionTracker(context.clock)
        self._recorder = context.recorder("daemonset-controller")
        self._control = PodControl(context.client, self._recorder, self._own)
        self.controller = Controller("daemonset", reconcile=self.reconcile, concurrency=2)
        self._sets.add_handler(self.controller.on_change)
        self._nodes.add_handler(self._node_changed)
        OwnerWatch(self.controller, DAEMON_SETS, self._sets).follow(self._pods)

    def _node_changed(self, event_type: EventType, node: Object, old: Object | None) -> None:
        if event_type == "MODIFIED" and old is not None and _matters(node) == _matters(old):
            return
        for daemonset in self._sets.list():
            self.controller.enqueue_object(daemonset)

    async def reconcile(self, key: Key) -> Result | None:
        daemonset = self._versions.newest(key, self._sets.get(*key))
        if daemonset is None:
            return None
        now = self._clock.now()
        pods = await self._look(daemonset)
        newest = await self._revisions.newest(daemonset)
        digest = hash_of(newest)
        plan = decide(World(daemonset, self._nodes.list(), pods, digest), now)
        answer = await write_status(self._client, DAEMON_SETS, daemonset, plan.status)
        if answer is not None:
            self._versions.wrote(answer)
        await self._act(daemonset, plan, digest)
        hashes = {(p["metadata"].get("labels") or {}).get(REVISION_LABEL) for p in pods}
        name = daemonset["metadata"]["name"]
        used = {f"{name}-{h}" for h in (digest, *hashes) if h}
        await self._revisions.forget_old(daemonset, used)
        if plan.look_again_at is None:
            return None
        return Result(max(plan.look_again_at - now, 0.01))

    async def _look(self, daemonset: Object) -> list[Object]:
        meta = daemonset["metadata"]
        owned = self._own.merged(meta["uid"], self._pods.by_index(CONTROLLER, meta["uid"]))
        orphans = self._pods.by_index(ORPHAN, meta["namespace"])
        candidates = (*owned, *orphans)
        return await owned_pods(self._client, DAEMON_SETS, daemonset, self._own, candidates)

    async def _act(self, daemonset: Object, plan: Plan, digest: str) -> None:
        for pod in plan.failed:
            meta = pod["metadata"]
            where = f"{meta['namespace']}/{meta['name']} on node {target(pod)}"
            message = f"Found failed daemon pod {where}, will try to kill it"
            self._recorder.event(daemonset, "Warning", "FailedDaemonPod", message)
        failure = await self._control.delete(daemonset, plan.delete)
        if failure is None and plan.create:
            pods = [make_pod(daemonset, node, digest) for node in plan.create]
            failure = await self._control.create(daemonset, pods)
        if failure is not None:
            raise failure


def _matters(node: Object) -> tuple[object, ...]:
    spec = node.get("spec") or {}
    return (node["metadata"].get("labels"), spec.get("taints"), spec.get("unschedulable"))
