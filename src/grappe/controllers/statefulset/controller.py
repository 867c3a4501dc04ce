"""StatefulSet: look, decide, act, report."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import PODS, builtin_kind
from grappe.controllers.claims import owned_pods
from grappe.controllers.context import Context
from grappe.controllers.informers import CONTROLLER, ORPHAN
from grappe.controllers.own_writes import OwnWrites
from grappe.controllers.pod_control import namespace_is_ending
from grappe.controllers.pods import slim_pod
from grappe.controllers.revision_control import RevisionControl
from grappe.controllers.statefulset.decide import Plan, World, decide
from grappe.controllers.statefulset.pods import claims, make_pod
from grappe.controllers.statuses import write_status
from grappe.controllers.watching import OwnerWatch
from grappe.reconcile import Controller, Key, Result
from grappe.reconcile.versions import VersionTracker

_FOUND = (builtin_kind("apps/v1", "StatefulSet"), builtin_kind("v1", "PersistentVolumeClaim"))
assert _FOUND[0] is not None
assert _FOUND[1] is not None
STATEFUL_SETS, CLAIMS = _FOUND[0], _FOUND[1]


def build(context: Context) -> Controller:
    return StatefulSetController(context).controller


class StatefulSetController:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._sets = context.informers.of(STATEFUL_SETS)
        self._pods = context.informers.of(PODS)
        self._claims = context.informers.of(CLAIMS)
        self._revisions = RevisionControl(context.client, context.informers)
        self._own = OwnWrites(self._pods).follow(self._sets)
        self._versions = VersionTracker(context.clock)
        self._recorder = context.recorder("statefulset-controller")
        self.controller = Controller("statefulset", reconcile=self.reconcile, concurrency=4)
        self._sets.add_handler(self.controller.on_change)
        OwnerWatch(self.controller, STATEFUL_SETS, self._sets).follow(self._pods)

    async def reconcile(self, key: Key) -> Result | None:
        sts = self._versions.newest(key, self._sets.get(*key))
        if sts is None:
            return None
        now = self._clock.now()
        pods = await self._look(sts)
        newest = await self._revisions.newest(sts)
        revisions = {r["metadata"]["name"]: r for r in self._revisions.of(sts)}
        update = newest["metadata"]["name"]
        current = (sts.get("status") or {}).get("currentRevision") or update
        if current not in revisions:
            current = update
        plan = decide(World(sts, pods, current, update), now)
        answer = await write_status(self._client, STATEFUL_SETS, sts, plan.status)
        if answer is not None:
            self._versions.wrote(answer)
        await self._act(sts, plan, revisions)
        labels = {(p["metadata"].get("labels") or {}).get("controller-revision-hash") for p in pods}
        used = {update, plan.current, *(name for name in labels if name)}
        await self._revisions.forget_old(sts, used)
        if plan.look_again_at is None:
            return None
        return Result(max(plan.look_again_at - now, 0.01))

    async def _look(self, sts: Object) -> list[Object]:
        meta = sts["metadata"]
        owned = self._own.merged(meta["uid"], self._pods.by_index(CONTROLLER, meta["uid"]))
        orphans = [
            p
            for p in self._pods.by_index(ORPHAN, meta["namespace"])
            if p["metadata"]["name"].startswith(f"{meta['name']}-")
        ]
        candidates = (*owned, *orphans)
        return await owned_pods(self._client, STATEFUL_SETS, sts, self._own, candidates)

    async def _act(self, sts: Object, plan: Plan, revisions: dict[str, Object]) -> None:
        for number, revision in plan.create.items():
            for wanted in claims(sts, number):
                await self._claim(sts, wanted, number)
            await self._create(sts, make_pod(sts, revisions[revision], number))
        for pod in plan.delete:
            await self._delete(sts, pod)

    async def _claim(self, sts: Object, wanted: Object, number: int) -> None:
        meta = wanted["metadata"]
        if self._claims.get(meta["namespace"], meta["name"]) is not None:
            return
        try:
            await self._client.create(CLAIMS, wanted)
        except ApiError as error:
            if error.reason == "AlreadyExists" or namespace_is_ending(error):
                return
            self._tell(sts, "Claim", meta["name"], "create", error)
            raise
        name = sts["metadata"]["name"]
        message = f"create Claim {meta['name']} Pod {name}-{number} in StatefulSet {name} success"
        self._recorder.event(sts, "Normal", "SuccessfulCreate", message)

    async def _create(self, sts: Object, pod: Object) -> None:
        try:
            made = await self._client.create(PODS, pod)
        except ApiError as error:
            if namespace_is_ending(error):
                return
            self._tell(sts, "Pod", pod["metadata"]["name"], "create", error)
            raise
        self._own.wrote(sts["metadata"]["uid"], slim_pod(made))
        self._tell(sts, "Pod", pod["metadata"]["name"], "create", None)

    async def _delete(self, sts: Object, pod: Object) -> None:
        meta = pod["metadata"]
        try:
            left = await self._client.delete(PODS, meta["name"], meta["namespace"], uid=meta["uid"])
        except ApiError as error:
            if error.code not in (404, 409):
                self._tell(sts, "Pod", meta["name"], "delete", error)
                raise
            return
        if left["metadata"].get("deletionTimestamp"):
            self._own.wrote(sts["metadata"]["uid"], slim_pod(left))
        self._tell(sts, "Pod", meta["name"], "delete", None)

    def _tell(self, sts: Object, kind: str, name: str, verb: str, error: ApiError | None) -> None:
        what = f"{verb} {kind} {name} in StatefulSet {sts['metadata']['name']}"
        if error is None:
            reason = f"Successful{verb.capitalize()}"
            self._recorder.event(sts, "Normal", reason, f"{what} successful")
        else:
            reason = f"Failed{verb.capitalize()}"
            self._recorder.event(sts, "Warning", reason, f"{what} failed error: {error.message}")
