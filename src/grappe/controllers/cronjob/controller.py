"""CronJob: look, decide, act, report."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import JOBS, builtin_kind
from grappe.controllers.context import Context
from grappe.controllers.cronjob.decide import World, decide
from grappe.controllers.informers import CONTROLLER
from grappe.controllers.own_writes import OwnWrites
from grappe.controllers.pod_control import namespace_is_ending
from grappe.controllers.statuses import write_status
from grappe.controllers.watching import OwnerWatch
from grappe.reconcile import Controller, Key, Result
from grappe.reconcile.versions import VersionTracker

_FOUND = builtin_kind("batch/v1", "CronJob")
assert _FOUND is not None
CRON_JOBS = _FOUND


def build(context: Context) -> Controller:
    return CronJobController(context).controller


class CronJobController:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._cronjobs = context.informers.of(CRON_JOBS)
        self._jobs = context.informers.of(JOBS)
        self._own = OwnWrites(self._jobs).follow(self._cronjobs)
        self._versions = VersionTracker(context.clock)
        self._recorder = context.recorder("cronjob-controller")
        self.controller = Controller("cronjob", reconcile=self.reconcile)
        self._cronjobs.add_handler(self.controller.on_change)
        OwnerWatch(self.controller, CRON_JOBS, self._cronjobs).follow(self._jobs)

    async def reconcile(self, key: Key) -> Result | None:
        cronjob = self._versions.newest(key, self._cronjobs.get(*key))
        if cronjob is None:
            return None
        now = self._clock.now()
        uid = cronjob["metadata"]["uid"]
        jobs = self._own.merged(uid, self._jobs.by_index(CONTROLLER, uid))
        plan = decide(World(cronjob, jobs), now)
        for event in plan.events:
            self._recorder.event(cronjob, event.type, event.reason, event.message)
        for job in (*plan.replace, *plan.old):
            await self._delete(cronjob, job)
        if plan.create is not None:
            await self._create(cronjob, plan.create)
        answer = await write_status(self._client, CRON_JOBS, cronjob, plan.status)
        if answer is not None:
            self._versions.wrote(answer)
        if plan.look_again_at is None:
            return None
        return Result(max(plan.look_again_at - now, 0.1))

    async def _create(self, cronjob: Object, job: Object) -> None:
        try:
            made = await self._client.create(JOBS, job)
        except ApiError as error:
            # There already: from before a restart. Its name says that it is of this time.
            if error.reason == "AlreadyExists" or namespace_is_ending(error):
                return
            message = f"Error creating job: {error.message}"
            self._recorder.event(cronjob, "Warning", "FailedCreate", message)
            raise
        self._own.wrote(cronjob["metadata"]["uid"], made)
        message = f"Created job {made['metadata']['name']}"
        self._recorder.event(cronjob, "Normal", "SuccessfulCreate", message)

    async def _delete(self, cronjob: Object, job: Object) -> None:
        meta = job["metadata"]
        try:
            await self._client.delete(
                JOBS, meta["name"], meta["namespace"], uid=meta["uid"], propagation="Background"
            )
        except ApiError as error:
            if error.code in (404, 409):
                self._own.deleted(cronjob["metadata"]["uid"], job)
                return
            message = f"Deleted job: {error.message}"
            self._recorder.event(cronjob, "Warning", "FailedDelete", message)
            raise
        self._own.deleted(cronjob["metadata"]["uid"], job)
        message = f"Deleted job {meta['name']}"
        self._recorder.event(cronjob, "Normal", "SuccessfulDelete", message)
