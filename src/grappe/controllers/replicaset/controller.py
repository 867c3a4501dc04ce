"""ReplicaSet and ReplicationController: look, decide, act, report."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import PODS, REPLICA_SETS, Resource, builtin_kind
from grappe.controllers.claims import settle
from grappe.controllers.context import Context
from grappe.controllers.informers import CONTROLLER, ORPHAN
from grappe.controllers.own_writes import OwnWrites
from grappe.controllers.pod_control import PodControl, pod_from_template
from grappe.controllers.pods import is_active, slim_pod
from grappe.controllers.replicaset.decide import Failure, Plan, World, decide, status
from grappe.controllers.statuses import write_status
from grappe.controllers.watching import OwnerWatch
from grappe.reconcile import Controller, Key, Result
from grappe.reconcile.owners import controller_of
from grappe.reconcile.versions import VersionTracker

_FOUND = builtin_kind("v1", "ReplicationController")
assert _FOUND is not None
REPLICATION_CONTROLLERS = _FOUND


def build(context: Context) -> Controller:
    return ReplicaSetController(context, REPLICA_SETS).controller


def build_replication_controller(context: Context) -> Controller:
    return ReplicaSetController(context, REPLICATION_CONTROLLERS).controller


class ReplicaSetController:
    """One for each of the two kinds."""

    def __init__(self, context: Context, resource: Resource) -> None:
        self._client = context.client
        self._clock = context.clock
        self._resource = resource
        self._replicasets = context.informers.of(resource)
        self._pods = context.informers.of(PODS)
        self._own = OwnWrites(self._pods).follow(self._replicasets)
        self._versions = VersionTracker(context.clock)
        plain = resource is REPLICATION_CONTROLLERS
        component = "replication-controller" if plain else "replicaset-controller"
        recorder = context.recorder(component)
        self._control = PodControl(context.client, recorder, self._own)
        self.controller = Controller(resource.singular, reconcile=self.reconcile, concurrency=8)
        self._replicasets.add_handler(self.controller.on_change)
        OwnerWatch(self.controller, resource, self._replicasets).follow(self._pods)

    async def reconcile(self, key: Key) -> Result | None:
        rs = self._versions.newest(key, self._replicasets.get(*key))
        if rs is None:
            return None
        now = self._clock.now()
        failure = await self._act(rs, decide(self._look(rs), now))
        next_at = await self._report(key, rs, failure, now)
        if failure is not None:
            raise failure
        return Result(next_at - now) if next_at is not None else None

    def _look(self, rs: Object) -> World:
        meta = rs["metadata"]
        owned = self._own.merged(meta["uid"], self._pods.by_index(CONTROLLER, meta["uid"]))
        orphans = self._pods.by_index(ORPHAN, meta["namespace"])
        return World(rs, (*owned, *orphans), self._related(rs))

    def _related(self, rs: Object) -> tuple[Object, ...]:
        """The active pods of every ReplicaSet of the same Deployment."""
        parent = controller_of(rs)
        if parent is None:
            return ()
        return tuple(
            pod
            for sister in self._replicasets.by_index(CONTROLLER, parent["uid"])
            for pod in self._pods.by_index(CONTROLLER, sister["metadata"]["uid"])
            if is_active(pod)
        )

    async def _act(self, rs: Object, plan: Plan) -> ApiError | None:
        uid = rs["metadata"]["uid"]
        adopted, released = await settle(self._client, self._resource, rs, PODS, plan.claim)
        for pod in (*adopted, *released):
            self._own.wrote(uid, slim_pod(pod))
        if len(adopted) < len(plan.claim.adopt):
            return None  # somebody was quicker: their change enqueues the key again
        if plan.create:
            pod = pod_from_template(rs["spec"]["template"], rs)
            return await self._control.create(rs, [pod] * plan.create)
        if plan.delete:
            return await self._control.delete(rs, plan.delete)
        return None

    async def _report(
        self, key: Key, rs: Object, error: ApiError | None, now: float
    ) -> float | None:
        uid = rs["metadata"]["uid"]
        found = self._own.merged(uid, self._pods.by_index(CONTROLLER, uid))
        owned = [p for p in found if (controller_of(p) or {}).get("uid") == uid]
        failure = None
        if error is not None:
            surplus = sum(map(is_active, owned)) > (rs["spec"].get("replicas") or 0)
            failure = Failure("FailedDelete" if surplus else "FailedCreate", error.message)
        wanted, next_at = status(rs, owned, failure, now)
        answer = await write_status(self._client, self._resource, rs, wanted)
        if answer is not None:
            self._versions.wrote(answer)
        return next_at
