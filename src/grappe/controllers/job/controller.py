"""Job: look, decide, report, act: what is written down first makes the rest safe to repeat."""

from __future__ import annotations

from collections.abc import Mapping

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import JOBS, PODS
from grappe.controllers.claims import owned_pods
from grappe.controllers.context import Context
from grappe.controllers.informers import CONTROLLER, NAMESPACE, ORPHAN
from grappe.controllers.job.counting import FINALIZER
from grappe.controllers.job.decide import Plan, World, decide
from grappe.controllers.job.pods import make_pod
from grappe.controllers.own_writes import OwnWrites
from grappe.controllers.pod_control import PodControl
from grappe.controllers.pods import slim_pod
from grappe.controllers.statuses import write_status
from grappe.controllers.watching import OwnerWatch
from grappe.reconcile import Controller, Key, Result
from grappe.reconcile.owners import controller_of
from grappe.reconcile.versions import VersionTracker

MANAGED_BY = "kubernetes.io/job-controller"


def build(context: Context) -> Controller:
    return JobController(context).controller


class JobController:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._jobs = context.informers.of(JOBS)
        self._pods = context.informers.of(PODS)
        self._own = OwnWrites(self._pods).follow(self._jobs)
        self._versions = VersionTracker(context.clock)
        self._recorder = context.recorder("job-controller")
        self._failures: dict[Key, tuple[str, Mapping[str, float]]] = {}
        self._control = PodControl(context.client, self._recorder, self._own)
        self.controller = Controller("job", reconcile=self.reconcile, concurrency=8)
        self._jobs.add_handler(self.controller.on_change)
        OwnerWatch(self.controller, JOBS, self._jobs).follow(self._pods)
        self._pods.add_handler(self._pod_changed)

    def _pod_changed(self, event_type: str, pod: Object, old: Object | None) -> None:
        """A pod of a Job that is gone must not be held for ever: its key is the Job's, one without
        a name when nothing tells of a Job."""
        meta = pod["metadata"]
        if controller_of(pod) is None and FINALIZER in (meta.get("finalizers") or ()):
            name = (meta.get("labels") or {}).get("batch.kubernetes.io/job-name", "")
            self.controller.enqueue(meta["namespace"], name)

    async def reconcile(self, key: Key) -> Result | None:
        job = self._jobs.get(*key)
        await self._free_orphans(key, job)
        job = self._versions.newest(key, job)
        if job is None:
            self._failures.pop(key, None)
            return None
        if (job["spec"].get("managedBy") or MANAGED_BY) != MANAGED_BY:
            return None
        now = self._clock.now()
        plan = decide(await self._look(key, job), now)
        self._remember(key, job, plan)
        answer = await write_status(self._client, JOBS, job, plan.status)
        if answer is not None:
            self._versions.wrote(answer)
            for event in plan.events:
                self._recorder.event(job, event.type, event.reason, event.message)
        failure = await self._act(job, plan)
        if failure is not None:
            raise failure
        if plan.look_again_at is None:
            return None
        return Result(max(plan.look_again_at - now, 0.01))

    def _remember(self, key: Key, job: Object, plan: Plan) -> None:
        if plan.failures:
            self._failures[key] = job["metadata"]["uid"], plan.failures
        else:
            self._failures.pop(key, None)

    async def _look(self, key: Key, job: Object) -> World:
        meta = job["metadata"]
        shown = self._own.merged(meta["uid"], self._pods.by_index(CONTROLLER, meta["uid"]))
        orphans = self._pods.by_index(ORPHAN, meta["namespace"])
        candidates = (*shown, *orphans)
        pods = await owned_pods(self._client, JOBS, job, self._own, candidates, FINALIZER)
        uid, failures = self._failures.get(key, ("", {}))
        return World(job, tuple(pods), failures if uid == meta["uid"] else {})

    async def _act(self, job: Object, plan: Plan) -> ApiError | None:
        for pod in (*plan.release, *plan.drop):
            await self._release(job, pod)
        failure = await self._control.delete(job, (*plan.drop, *plan.delete))
        if failure is None and plan.create:
            pods = [make_pod(job, i, plan.replaced(i)) for i in plan.create]
            failure = await self._control.create(job, pods)
        return failure

    async def _free_orphans(self, key: Key, job: Object | None) -> None:
        """Let go of pods that nobody will count: of a Job of that name which is gone, or which
        gave them up. A Job that has reported before has none of an earlier namesake."""
        fresh = job is None or not job.get("status")
        uid = job["metadata"]["uid"] if job is not None else None
        for pod in self._pods.by_index(NAMESPACE if fresh else ORPHAN, key.namespace):
            meta = pod["metadata"]
            if FINALIZER not in (meta.get("finalizers") or ()):
                continue
            labels = meta.get("labels") or {}
            owner = controller_of(pod) or {
                "kind": "Job",
                "name": labels.get("batch.kubernetes.io/job-name", ""),
                "uid": labels.get("batch.kubernetes.io/controller-uid", ""),
            }
            if (owner["kind"], owner["name"]) == ("Job", key.name) and owner["uid"] != uid:
                await self._take_finalizer_off(pod)

    async def _release(self, job: Object, pod: Object) -> None:
        answer = await self._take_finalizer_off(pod)
        if answer is not None:
            self._own.wrote(job["metadata"]["uid"], slim_pod(answer))

    async def _take_finalizer_off(self, pod: Object) -> Object | None:
        """The pod without our finalizer; None when it is gone or never had it."""
        meta = pod["metadata"]
        if FINALIZER not in (meta.get("finalizers") or ()):
            return None
        patch = {
            "metadata": {"uid": meta["uid"], "$deleteFromPrimitiveList/finalizers": [FINALIZER]}
        }
        try:
            return await self._client.patch(
                PODS,
                meta["name"],
                patch,
                meta["namespace"],
                patch_type="application/strategic-merge-patch+json",
            )
        except ApiError as error:
            if error.code in (404, 409):
                return None
            raise
