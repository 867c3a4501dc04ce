"""Deployment: look, decide, act, report."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import DEPLOYMENTS, PODS, REPLICA_SETS
from grappe.controllers.claims import settle
from grappe.controllers.context import Context
from grappe.controllers.deployment import progress, rollout
from grappe.controllers.deployment.decide import Change, Plan, World, decide
from grappe.controllers.deployment.limits import is_rolling
from grappe.controllers.informers import CONTROLLER, ORPHAN
from grappe.controllers.own_writes import OwnWrites
from grappe.controllers.pod_control import namespace_is_ending
from grappe.controllers.statuses import write_status
from grappe.controllers.watching import OwnerWatch
from grappe.reconcile import Controller, Key, Result
from grappe.reconcile.owners import controller_of
from grappe.reconcile.versions import VersionTracker


def build(context: Context) -> Controller:
    return DeploymentController(context).controller


class DeploymentController:
    """One step of a rollout for each reconcile: the ReplicaSets' statuses lead to the next."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._deployments = context.informers.of(DEPLOYMENTS)
        self._replicasets = context.informers.of(REPLICA_SETS)
        self._pods = context.informers.of(PODS)
        self._own = OwnWrites(self._replicasets).follow(self._deployments)
        self._versions = VersionTracker(context.clock)
        self._recorder = context.recorder("deployment-controller")
        self.controller = Controller("deployment", reconcile=self.reconcile, concurrency=4)
        self._deployments.add_handler(self.controller.on_change)
        OwnerWatch(self.controller, DEPLOYMENTS, self._deployments).follow(self._replicasets)
        self._pods.add_handler(self._pod_changed)

    def _pod_changed(self, event_type: str, pod: Object, old: Object | None) -> None:
        """The last old pod of a Recreate is gone: the Deployment waits for that alone."""
        if event_type != "DELETED":
            return
        reference = controller_of(pod)
        if reference is None or reference["kind"] != "ReplicaSet":
            return
        rs = self._replicasets.get(pod["metadata"]["namespace"], reference["name"])
        parent = controller_of(rs) if rs is not None else None
        if parent is None:
            return
        found = self._deployments.get(pod["metadata"]["namespace"], parent["name"])
        if found is not None and not is_rolling(found):
            self.controller.enqueue_object(found)

    async def reconcile(self, key: Key) -> Result | None:
        deployment = self._versions.newest(key, self._deployments.get(*key))
        if deployment is None:
            return None
        now = self._clock.now()
        plan = decide(self._look(deployment), now)
        try:
            collided = await self._act(deployment, plan)
        except ApiError as error:
            if plan.create is not None:
                status = progress.create_error(deployment, plan.report.status, error.message, now)
                await self._report(deployment, status)
            raise
        status = plan.report.status
        if collided:
            status = {**status, "collisionCount": (status.get("collisionCount") or 0) + 1}
        await self._report(deployment, status)
        at = plan.report.look_again_at
        return Result(max(at - now, 0.0) + 1.0) if at is not None else None

    def _look(self, deployment: Object) -> World:
        meta = deployment["metadata"]
        shown = self._replicasets.by_index(CONTROLLER, meta["uid"])
        owned = self._own.merged(meta["uid"], shown)
        orphans = self._replicasets.by_index(ORPHAN, meta["namespace"])
        pods: tuple[Object, ...] = ()
        if not is_rolling(deployment):
            pods = tuple(
                pod
                for rs in owned
                for pod in self._pods.by_index(CONTROLLER, rs["metadata"]["uid"])
            )
        return World(deployment, (*owned, *orphans), pods)

    async def _act(self, deployment: Object, plan: Plan) -> bool:
        """Carry the plan out; True when the new ReplicaSet's name is taken by another."""
        uid = deployment["metadata"]["uid"]
        settled = await settle(self._client, DEPLOYMENTS, deployment, REPLICA_SETS, plan.claim)
        for rs in (*settled[0], *settled[1]):
            self._own.wrote(uid, rs)
        if plan.create is not None and not await self._create(deployment, plan.create):
            return True
        for change in plan.changes:
            await self._change(deployment, change)
        for rs in plan.delete:
            await self._delete(deployment, rs)
        if plan.annotations:
            await self._annotate(deployment, plan.annotations)
        return False

    async def _create(self, deployment: Object, rs: Object) -> bool:
        uid = deployment["metadata"]["uid"]
        try:
            made = await self._client.create(REPLICA_SETS, rs)
        except ApiError as error:
            if namespace_is_ending(error):
                return True
            if error.reason != "AlreadyExists":
                message = f"Failed to create new replica set {rs['metadata']['name']!r}: "
                message = message.replace("'", '"') + error.message
                self._recorder.event(deployment, "Warning", "ReplicaSetCreateError", message)
                raise
            made = await self._client.get(
                REPLICA_SETS, rs["metadata"]["name"], rs["metadata"]["namespace"]
            )
            owner = controller_of(made) or {}
            if owner.get("uid") != uid or rollout.newest(deployment, [made]) is None:
                return False
        else:
            size = rollout.replicas(made)
            if size:
                message = f"Scaled up replica set {made['metadata']['name']} from 0 to {size}"
                self._recorder.event(deployment, "Normal", "ScalingReplicaSet", message)
        self._own.wrote(uid, made)
        return True

    async def _change(self, deployment: Object, change: Change) -> None:
        meta = change.replicaset["metadata"]
        patch = {
            **change.patch,
            "metadata": {**(change.patch.get("metadata") or {}), "uid": meta["uid"]},
        }
        answer = await self._client.patch(REPLICA_SETS, meta["name"], patch, meta["namespace"])
        self._own.wrote(deployment["metadata"]["uid"], answer)
        if change.event:
            self._recorder.event(deployment, "Normal", "ScalingReplicaSet", change.event)

    async def _delete(self, deployment: Object, rs: Object) -> None:
        meta = rs["metadata"]
        try:
            await self._client.delete(
                REPLICA_SETS,
                meta["name"],
                meta["namespace"],
                uid=meta["uid"],
                propagation="Background",
            )
        except ApiError as error:
            if error.code not in (404, 409):
                raise
        self._own.deleted(deployment["metadata"]["uid"], rs)

    async def _annotate(self, deployment: Object, annotations: object) -> None:
        meta = deployment["metadata"]
        patch = {"metadata": {"uid": meta["uid"], "annotations": annotations}}
        answer = await self._client.patch(DEPLOYMENTS, meta["name"], patch, meta["namespace"])
        self._versions.wrote(answer)

    async def _report(self, deployment: Object, status: Object) -> None:
        answer = await write_status(self._client, DEPLOYMENTS, deployment, status)
        if answer is not None:
            self._versions.wrote(answer)
