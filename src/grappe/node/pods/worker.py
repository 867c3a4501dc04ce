"""One pod on this node: look at the runtime, decide, report, act; again whenever something happens.

Level-triggered: whatever was missed or interrupted is found by the next look. At most one step runs
at a time; a pod that is to stop interrupts the step that starts it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import Callable

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.base.clock import parse_rfc3339, rfc3339
from grappe.client.interface import TransportError
from grappe.node import cgroups
from grappe.node.pods import config, spec
from grappe.node.pods.actions import Actions, StartTrouble
from grappe.node.pods.context import NodeContext
from grappe.node.pods.decide import Kill, Plan, backoff_key, decide, initialized
from grappe.node.pods.observer import Containers, Observer
from grappe.node.pods.report import Reporter
from grappe.node.pods.resize import resizes
from grappe.node.pods.snapshot import Snapshot, Stop
from grappe.node.pods.status import pod_status
from grappe.node.pods.volumes import PodVolumes
from grappe.node.probes.prober import Prober
from grappe.node.runtime.config import Limits
from grappe.node.runtime.interface import RuntimeFault, SandboxStatus
from grappe.node.volumes.payload import MountFault

log = logging.getLogger("grappe.node.pods")

_FIRST_RETRY, _LAST_RETRY = 0.5, 10.0
_DEADLINE = "Pod was active on the node longer than the specified deadline"


class PodWorker:
    """`run` until the pod and all that belonged to it on this node are gone."""

    def __init__(
        self, context: NodeContext, pod: Object, *, noticed: Callable[[str, str], None]
    ) -> None:
        """`noticed(container_or_sandbox_id, pod_uid)` lets the manager route runtime events."""
        self.pod = pod
        self.uid = spec.uid(pod)
        self._node = context
        self._noticed = noticed
        self._actions = Actions(context)
        self._reporter = Reporter(context.client, pod)
        self._prober = Prober(context.runtime, self.wake, self._unhealthy)
        self._wake = asyncio.Event()
        self._deleted = False
        self._stop: Stop | None = None
        self._step: asyncio.Task[float | None] | None = None
        self._step_grace: float | None = None
        self._blocked: dict[str, tuple[str, str]] = {}
        self._retry = _FIRST_RETRY
        self._observer = Observer(context, self.uid, noticed)
        self._removed = False
        self._next_attempt = 0
        self._waiting_told: set[str] = set()
        self._limits: dict[str, Limits] = {}
        self._volumes = PodVolumes(context)
        self.last: Snapshot | None = None
        """What was seen last; for the kubelet's server."""

    # -- what others call
    def update(self, pod: Object) -> None:
        """The pod changed on the API server."""
        self._volumes.pod_changed(self.pod, pod)
        self.pod = pod
        self._reporter.seen(pod)
        self._interrupt()
        self.wake()

    def deleted(self) -> None:
        """The pod is gone from the API server (or was replaced by another of its name)."""
        self._deleted = True
        self._interrupt()
        self.wake()

    def stop(self, why: Stop) -> None:
        """End the pod from the node's side."""
        if self._stop is None:
            self._stop = why
            self._interrupt()
            self.wake()

    def wake(self) -> None:
        """Look again."""
        self._wake.set()

    def references_changed(self) -> None:
        """A ConfigMap or Secret in use changed."""
        self._volumes.out_of_date()
        self.wake()

    @property
    def stopping(self) -> bool:
        return bool(
            self._deleted
            or self._stop is not None
            or self.pod["metadata"].get("deletionTimestamp")
            or spec.is_terminal(self.pod)
        )

    def _interrupt(self) -> None:
        """Cancel a step that starts things once the pod has to stop, and one that waits for a
        longer grace period than the pod now has."""
        if self._step is None or not self.stopping:
            return
        if self._step_grace is None or self._grace() < self._step_grace:
            self._step.cancel()

    def _grace(self) -> float:
        return 1.0 if self._deleted else spec.grace_period(self.pod)

    # -- the loop
    async def run(self) -> None:
        try:
            while not self._removed:
                self._wake.clear()
                wake_at = await self._guarded_step()
                if not self._removed:
                    await self._sleep(wake_at)
        finally:
            if self._step is not None:
                self._step.cancel()
                await asyncio.gather(self._step, return_exceptions=True)
            await self._prober.close()
            await self._reporter.close()

    async def _guarded_step(self) -> float | None:
        """One step; what goes wrong in it is tried again later."""
        stopping = self.stopping
        self._step_grace = self._grace() if stopping else None
        self._step = asyncio.create_task(
            self._end() if stopping else self._sync(), name=f"pod {self.pod['metadata']['name']}"
        )
        try:
            # Cancelling the worker cancels the step; a cancelled step only means: look again.
            await asyncio.wait({self._step})
            wake_at = self._step.result()
            if not self._blocked:
                self._retry = _FIRST_RETRY
            return wake_at
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return self._node.clock.now()
        except (RuntimeFault, OSError, TimeoutError, MountFault, ApiError, TransportError) as error:
            log.warning("pod %s: %s", spec.described(self.pod), error)
            return self._later()
        except Exception as error:
            # A pod that is beyond us must not take the others with it, nor fail in silence.
            log.exception("pod %s", spec.described(self.pod))
            text = f"error syncing pod, skipping: {type(error).__name__}: {error}"
            self._actions.tell(self.pod, "Warning", "FailedSync", text)
            return self._later()

    def _later(self) -> float:
        when = self._node.clock.now() + self._retry
        self._retry = min(self._retry * 2, _LAST_RETRY)
        return when

    async def _sleep(self, wake_at: float | None) -> None:
        """Until woken, or until that time."""
        timeout = None if wake_at is None else max(0.0, wake_at - self._node.clock.now())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._wake.wait()

    # -- running
    async def _sync(self) -> float | None:
        """Bring the pod nearer to what its spec says, until nothing is left to do now."""
        while True:
            snapshot = await self._look()
            plan = decide(snapshot)
            for name in list(self._blocked):
                newest = snapshot.newest(name)
                if newest is not None and newest.state == "running":
                    del self._blocked[name]
            if self._deadline_passed(plan):
                return self._node.clock.now()
            self._report(snapshot, plan)
            if snapshot.current is not None and not plan.finished:
                ips = self._actions.pod_ips(snapshot)
                refresh_at = await self._volumes.refresh(self.pod, ips, self._actions.tell)
                if refresh_at is not None:
                    plan.wake_by(refresh_at)
            if not plan.finished:
                await self._resize(snapshot, plan)
            if plan.finished:
                for sandbox in plan.stop_sandboxes:
                    await self._actions.stop_sandbox(sandbox)
                self._report(await self._look(), plan, over=True)
                return plan.wake_at
            if plan.idle:
                return plan.wake_at
            if not await self._act(snapshot, plan):
                return plan.wake_at

    async def _act(self, snapshot: Snapshot, plan: Plan) -> bool:
        """Carry a plan out; False when the next look should wait for `plan.wake_at`."""
        for container_id in plan.stale:
            known = self._observer.forget(container_id)
            self._limits.pop(container_id, None)
            if known is not None:
                await self._actions.remove_container(known, self.uid)
            else:
                await self._node.runtime.remove_container(container_id)
        for sandbox in plan.stop_sandboxes:
            await self._actions.stop_sandbox(sandbox)
        if plan.create_sandbox is not None:
            await self._volumes.set_up(self.pod, self._actions.tell)
            # A failed attempt may leave its name reserved in the runtime: never use a number twice.
            attempt = max(plan.create_sandbox, self._next_attempt)
            self._next_attempt = attempt + 1
            sandbox_id = await self._actions.create_sandbox(
                self.pod, attempt, again=plan.create_sandbox > 0
            )
            self._noticed(sandbox_id, self.uid)
            return True
        for kill in plan.kill:
            await self._actions.kill(snapshot, kill, self._kill_grace(kill))
            self._prober.failed.pop(kill.status.id, None)
        failed = False
        for start in plan.start:
            try:
                container_id = await self._actions.start(snapshot, start)
                self._noticed(container_id, self.uid)
                self._blocked.pop(start.declared.name, None)
            except StartTrouble as trouble:
                failed = True
                self._blocked[start.declared.name] = (trouble.reason, trouble.message)
                plan.wake_by(trouble.retry_at if trouble.retry_at is not None else self._later())
        if failed:
            self._report(await self._look(), plan)
        return not failed

    async def _resize(self, snapshot: Snapshot, plan: Plan) -> None:
        """Apply changed resources, in place or by a restart."""
        killed = {kill.status.id for kill in plan.kill}
        for wanted in resizes(snapshot, self._limits, self._node.machine.memory):
            if wanted.status.id in killed:
                continue
            if wanted.restart:
                why = f"Container {wanted.declared.name} resize requires restart"
                plan.kill.append(Kill(wanted.status, wanted.declared, why))
            else:
                await self._actions.resize(self.pod, wanted)
                self._limits[wanted.status.id] = wanted.limits

    def _kill_grace(self, kill: Kill) -> float:
        grace = self.pod["spec"].get("terminationGracePeriodSeconds", 30)
        if kill.probe and kill.declared is not None:
            probe = kill.declared.spec.get(f"{kill.probe}Probe") or {}
            grace = probe.get("terminationGracePeriodSeconds", grace)
        return float(grace)

    def _deadline_passed(self, plan: Plan) -> bool:
        seconds = self.pod["spec"].get("activeDeadlineSeconds")
        if seconds is None:
            return False
        deadline = parse_rfc3339(self._start_time()) + float(seconds)
        if self._node.clock.now() < deadline:
            plan.wake_by(deadline)
            return False
        self._actions.tell(self.pod, "Normal", "DeadlineExceeded", _DEADLINE)
        self._stop = Stop("DeadlineExceeded", _DEADLINE, "Failed")
        return True

    # -- ending
    async def _end(self) -> float | None:
        """Stop all that runs, tell the final status, and when the pod is deleted remove it."""
        snapshot = await self._look()
        if not self._deleted:
            self._report(snapshot, Plan())
        await self._actions.kill_all(snapshot, self._grace())
        for sandbox in snapshot.sandboxes:
            await self._actions.stop_sandbox(sandbox.id)
        snapshot = await self._look()
        await self._prober.close()
        if not self._deleted:
            self._report(snapshot, Plan(), over=True)
            await self._reporter.flush()
        if self._deleted or self.pod["metadata"].get("deletionTimestamp"):
            await self._remove(snapshot)
            return None
        await self._volumes.remove(self.uid)
        return None

    async def _remove(self, snapshot: Snapshot) -> None:
        """Leave nothing of the pod on the node, then let the API server forget it."""
        for sandbox in snapshot.sandboxes:
            await self._node.runtime.remove_sandbox(sandbox.id)
        await self._volumes.remove(self.uid)
        self._node.images.forget(self.uid)
        directory = self._node.settings.log_root / spec.log_directory(self.pod)
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
        cgroups.remove(config.cgroup_parent(self.pod, self._node.settings))
        for declared in spec.containers(self.pod):
            self._node.backoff.forget(backoff_key(snapshot, declared.name))
        if not self._deleted:
            await self._reporter.delete()
        self._removed = True

    # -- looking
    async def _look(self) -> Snapshot:
        sandboxes, current = await self._observer.sandboxes()
        containers = await self._observer.containers()
        self._prober.keep(
            {c.id for found in containers.values() for c in found if c.state == "running"}
        )
        started, ready = self._probe(containers, current)
        self.last = Snapshot(
            pod={**self.pod, "status": self._reporter.status()},
            now=self._node.clock.now(),
            sandboxes=sandboxes,
            current=current,
            containers=containers,
            started=frozenset(started),
            ready=frozenset(ready),
            failed_probes=dict(self._prober.failed),
            backoff=self._node.backoff,
            blocked=dict(self._blocked),
            stop=self._stop,
        )
        return self.last

    def _probe(
        self, containers: Containers, current: SandboxStatus | None
    ) -> tuple[set[str], set[str]]:
        """See that running containers are probed; (started, ready) ids."""
        ip = self._node.settings.node_ip
        if current is not None and current.ips:
            ip = current.ips[0]
        before = self._reporter.container_flags()
        started, ready = set(), set()
        for declared in spec.containers(self.pod):
            instances = containers.get(declared.name, ())
            if not instances or instances[0].state != "running":
                continue
            status = instances[0]
            was_started, was_ready = before.get(status.id, (False, False))
            if not self.stopping:
                self._prober.watch(declared, status, ip, started=was_started, ready=was_ready)
            if self._prober.is_started(declared, status.id):
                started.add(status.id)
                if self._prober.is_ready(declared, status.id):
                    ready.add(status.id)
        return started, ready

    # -- reporting
    def _start_time(self) -> str:
        known = (self.pod.get("status") or {}).get("startTime") or self._reporter.start_time
        if not known:
            known = self._reporter.start_time = rfc3339(self._node.clock.now())
        return str(known)

    def _report(self, snapshot: Snapshot, plan: Plan, *, over: bool = False) -> None:
        """Write the status, if it is news."""
        for name in plan.waiting:
            declared = spec.find(self.pod, name)
            if declared is not None and name not in self._waiting_told:
                self._actions.tell(
                    self.pod,
                    "Warning",
                    "BackOff",
                    f"Back-off restarting failed container {name} in pod "
                    f"{spec.described(self.pod)}",
                    declared,
                )
        self._waiting_told = set(plan.waiting)
        if spec.is_terminal(snapshot.pod) and not over:
            return  # a phase that is final stays, also while the informer has not heard of it
        status = pod_status(
            snapshot,
            runtime=self._node.runtime_name,
            host_ip=self._node.settings.node_ip,
            waiting={**self._blocked, **plan.waiting},
            messages=self._observer.messages,
            initialized=initialized(snapshot),
            over=over,
            start_time=self._start_time(),
        )
        self._reporter.want(status)

    def _unhealthy(self, declared: spec.Declared, reason: str, message: str) -> None:
        self._actions.tell(self.pod, "Warning", reason, message, declared)
