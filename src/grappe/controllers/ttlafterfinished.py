"""TTL after finished: deletes Jobs some time after they have finished.

watches        jobs
writes         deletes jobs whose `ttlSecondsAfterFinished` has passed
never touches  jobs that state none, or have not finished

https://kubernetes.io/docs/concepts/workloads/controllers/ttlafterfinished/
"""

from __future__ import annotations

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import JOBS
from grappe.base.clock import parse_rfc3339
from grappe.client.informer import EventType
from grappe.controllers.context import Context
from grappe.reconcile import Controller, Key, Result, conditions


def expires_at(job: Object) -> float | None:
    """When a finished job is to go; None when it stays."""
    ttl = job["spec"].get("ttlSecondsAfterFinished")
    if ttl is None or job["metadata"].get("deletionTimestamp"):
        return None
    for kind in ("Complete", "Failed"):
        found = conditions.find(job, kind)
        if found is not None and found.get("status") == "True":
            return parse_rfc3339(found["lastTransitionTime"]) + int(ttl)
    return None


def build(context: Context) -> Controller:
    return TtlAfterFinished(context).controller


class TtlAfterFinished:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._jobs = context.informers.of(JOBS)
        self.controller = Controller("ttl-after-finished", reconcile=self.reconcile)
        self._jobs.add_handler(self._job_changed)

    def _job_changed(self, event_type: EventType, job: Object, old: Object | None) -> None:
        if event_type != "DELETED" and expires_at(job) is not None:
            self.controller.enqueue_object(job)

    async def reconcile(self, key: Key) -> Result | None:
        job = self._jobs.get(*key)
        at = expires_at(job) if job is not None else None
        now = self._clock.now()
        if job is None or at is None:
            return None
        if at > now:
            return Result(at - now)
        try:
            # The server's own state, as somebody may have given it more time just now.
            fresh = await self._client.get(JOBS, key.name, key.namespace)
            at = expires_at(fresh)
            if at is None or at > now or fresh["metadata"]["uid"] != job["metadata"]["uid"]:
                return None
            await self._client.delete(
                JOBS,
                key.name,
                key.namespace,
                uid=fresh["metadata"]["uid"],
                resource_version=fresh["metadata"]["resourceVersion"],
                propagation="Foreground",
            )
        except ApiError as error:
            if error.code not in (404, 409):
                raise
        return None
