"""A model of what is around the Job controller, in which the controller may be killed between any
two writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grappe.controllers.job.counting import FINALIZER, index_of
from grappe.controllers.job.decide import Plan, World, decide
from grappe.controllers.job.pods import make_pod

from ..factories import NOW, at

Object = dict[str, Any]


class Model:
    """`succeeded` and `failed` are the uids of pods that ended so: what should be counted."""

    def __init__(self, job: Object) -> None:
        self.job = job
        self.pods: dict[str, Object] = {}
        self.now = NOW
        self.succeeded: set[str] = set()
        self.failed: set[str] = set()
        self.failures: Mapping[str, float] = {}
        self._made = 0

    def plan(self) -> Plan:
        return decide(World(self.job, tuple(self.pods.values()), self.failures), self.now)

    def step(self, writes: int = 10_000) -> Plan:
        """The controller works once, and is killed after so many writes."""
        plan = self.plan()
        if writes > 0 and plan.status != self.job["status"]:
            self.job = {**self.job, "status": plan.status}
            writes -= 1
        for pod in (*plan.release, *plan.drop):
            if writes > 0:
                self._release(pod["metadata"]["uid"])
                writes -= 1
        for pod in (*plan.drop, *plan.delete):
            if writes > 0:
                self.delete(pod["metadata"]["uid"])
                writes -= 1
        for index in plan.create:
            if writes > 0:
                self._create(index, plan.replaced(index))
                writes -= 1
        self.failures = plan.failures if writes > 0 else {}  # it dies with the controller
        return plan

    def _create(self, index: int | None, replaced: Object | None) -> None:
        self._made += 1
        made = make_pod(self.job, index, replaced)
        name = f"{made['metadata']['generateName']}{self._made:04}"
        meta = {**made["metadata"], "name": name, "uid": f"uid-{name}"}
        meta["creationTimestamp"] = at(self.now - NOW)
        self.pods[meta["uid"]] = {**made, "metadata": meta, "status": {"phase": "Pending"}}

    def _release(self, uid: str) -> None:
        if uid in self.pods:
            meta = dict(self.pods[uid]["metadata"])
            meta["finalizers"] = [f for f in meta.get("finalizers") or () if f != FINALIZER]
            self.pods[uid] = {**self.pods[uid], "metadata": meta}
            self._collect(uid)

    def delete(self, uid: str) -> None:
        if uid in self.pods:
            meta = {**self.pods[uid]["metadata"], "deletionTimestamp": at(self.now - NOW)}
            self.pods[uid] = {**self.pods[uid], "metadata": meta}
            self._collect(uid)

    def _collect(self, uid: str) -> None:
        """A deleted pod goes once it has ended and nothing holds it."""
        pod = self.pods[uid]
        ended = pod["status"]["phase"] in ("Succeeded", "Failed")
        meta = pod["metadata"]
        if meta.get("deletionTimestamp") and ended and not meta.get("finalizers"):
            del self.pods[uid]

    def end(self, uid: str, phase: str, code: int = 1) -> None:
        """A pod runs to its end; one that fails, with an exit code."""
        pod = self.pods[uid]
        if pod["status"]["phase"] in ("Succeeded", "Failed"):
            return
        code = code if phase == "Failed" else 0
        terminated = {"finishedAt": at(self.now - NOW), "exitCode": code}
        status = {"name": "c", "state": {"terminated": terminated}}
        self.pods[uid] = {**pod, "status": {"phase": phase, "containerStatuses": [status]}}
        if FINALIZER in (pod["metadata"].get("finalizers") or ()):
            # One that was deleted may have been written down as failed before it ended.
            lost = (self.job["status"].get("uncountedTerminatedPods") or {}).get("failed") or ()
            succeeded = phase == "Succeeded" and uid not in lost
            (self.succeeded if succeeded else self.failed).add(uid)
        self._collect(uid)

    def kubelet(self) -> None:
        """Pods that are being deleted end."""
        for uid, pod in [*self.pods.items()]:
            if pod["metadata"].get("deletionTimestamp"):
                self.end(uid, "Failed")
                if uid in self.pods:
                    self._collect(uid)

    def running(self) -> list[str]:
        """Uids of pods that have not ended, in order."""
        return sorted(
            uid
            for uid, pod in self.pods.items()
            if pod["status"]["phase"] not in ("Succeeded", "Failed")
        )

    @property
    def indexes(self) -> list[int | None]:
        return [index_of(self.pods[uid]) for uid in self.running()]

    def uid_of(self, index: int) -> str:
        """The pod that runs for an index."""
        [uid] = [u for u in self.running() if index_of(self.pods[u]) == index]
        return uid

    def condition(self, kind: str) -> Object:
        listed = self.job["status"].get("conditions") or ()
        return next((c for c in listed if c["type"] == kind), {})

    def settle(self, phase: str = "Succeeded") -> None:
        """Everything goes on, pods ending in `phase`, until nothing changes."""
        quiet = 0
        for _ in range(400):
            before = (self.job, dict(self.pods))
            self.step()
            self.kubelet()
            for uid in self.running():
                self.end(uid, phase)
            self.now += 601  # beyond every back-off
            quiet = quiet + 1 if before == (self.job, self.pods) else 0
            if quiet == 2:
                return
        raise AssertionError("does not settle")
