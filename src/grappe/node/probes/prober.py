"""The probes of one pod's containers: a task for each, and what they have found."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from grappe.api import Object
from grappe.node.pods.spec import Declared
from grappe.node.probes.handlers import Result, attempt
from grappe.node.probes.threshold import FIELDS, Kind, Settings, Verdict, early_delays
from grappe.node.runtime.interface import ContainerStatus, Runtime, RuntimeFault

log = logging.getLogger("grappe.node.probes")

Report = Callable[[Declared, str, str], None]
"""(container, reason, message) of a Warning event."""


class Prober:
    """`changed` is called whenever a verdict does; `report` writes the event of a failure."""

    def __init__(self, runtime: Runtime, changed: Callable[[], None], report: Report) -> None:
        self._runtime = runtime
        self._changed = changed
        self._report = report
        self._tasks: dict[tuple[str, Kind], asyncio.Task[None]] = {}
        self._verdicts: dict[tuple[str, Kind], Verdict] = {}
        self._started: dict[str, asyncio.Event] = {}
        self.failed: dict[str, str] = {}
        """Container id → `startup` or `liveness`, once the probe's threshold was reached."""

    def _startup(self, container_id: str) -> asyncio.Event:
        """Set once the container's startup probe has succeeded."""
        return self._started.setdefault(container_id, asyncio.Event())

    def is_started(self, declared: Declared, container_id: str) -> bool:
        if not declared.spec.get("startupProbe"):
            return True
        verdict = self._verdicts.get((container_id, "startup"))
        return verdict is not None and verdict.good

    def is_ready(self, declared: Declared, container_id: str) -> bool:
        if not declared.spec.get("readinessProbe"):
            return True
        verdict = self._verdicts.get((container_id, "readiness"))
        return verdict is not None and verdict.good

    def watch(
        self, declared: Declared, status: ContainerStatus, ip: str, *, started: bool, ready: bool
    ) -> None:
        """Probe a running container from now on; idempotent. `started`, `ready`: it was so before
        the agent restarted, and stays so until a probe says otherwise."""
        if declared.kind == "ephemeral":
            return
        if not declared.spec.get(FIELDS["startup"]):
            self._startup(status.id).set()
        for kind, name in FIELDS.items():
            probe = declared.spec.get(name)
            key = (status.id, kind)
            if not probe or key in self._tasks:
                continue
            settings = Settings.of(probe)
            good = {"startup": started, "readiness": ready, "liveness": True}[kind]
            self._verdicts[key] = Verdict(settings, good)
            work = self._run(kind, probe, settings, declared, status, ip)
            self._tasks[key] = asyncio.create_task(work, name=f"{kind} probe {declared.name}")

    def keep(self, running: set[str]) -> None:
        """Forget containers that no longer run."""
        for key in [key for key in self._tasks if key[0] not in running]:
            self._tasks.pop(key).cancel()
            del self._verdicts[key]
        for known in (self.failed, self._started):
            for container_id in known.keys() - running:
                del known[container_id]

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        self.keep(set())
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _once(
        self, kind: Kind, probe: Object, declared: Declared, status: ContainerStatus, ip: str
    ) -> Result:
        settings = Settings.of(probe)
        simulated = self._runtime.network_probe(status.id, kind)
        if simulated is not None:
            return Result(simulated, "" if simulated else "the simulation says so")
        return await attempt(self._runtime, status.id, declared.spec, probe, ip, settings.timeout)

    async def _run(
        self,
        kind: Kind,
        probe: Object,
        settings: Settings,
        declared: Declared,
        status: ContainerStatus,
        ip: str,
    ) -> None:
        loop = asyncio.get_running_loop()
        verdict = self._verdicts[status.id, kind]
        if kind == "startup" and verdict.good:
            self._startup(status.id).set()
            return
        await asyncio.sleep(settings.initial_delay)
        if kind != "startup":
            await self._startup(status.id).wait()
        early: list[float] = []
        counted = loop.time()
        if kind == "liveness" and not settings.initial_delay:
            await asyncio.sleep(settings.period)
        elif kind != "liveness" and not verdict.good:
            early = early_delays(settings)
            counted += settings.period
        while True:
            try:
                result = await self._once(kind, probe, declared, status, ip)
            except RuntimeFault as fault:
                # Neither a success nor a failure: the container has just ended, or the runtime is
                # being restarted.
                log.debug("%s probe of %s: %s", kind, declared.name, fault)
                await asyncio.sleep(min(settings.period, 1.0))
                continue
            # An early attempt counts only when it succeeds.
            if result.ok or loop.time() >= counted:
                counted = loop.time() + settings.period
                self._take(kind, verdict, result, declared, status)
            if kind == "startup" and (verdict.good or status.id in self.failed):
                return
            if verdict.good:
                early = []
            await asyncio.sleep(early.pop(0) if early else max(0.0, counted - loop.time()))

    def _take(
        self,
        kind: Kind,
        verdict: Verdict,
        result: Result,
        declared: Declared,
        status: ContainerStatus,
    ) -> None:
        if not result.ok:
            word = kind.capitalize()
            self._report(declared, "Unhealthy", f"{word} probe failed: {result.message}")
        before = verdict.good
        reached = verdict.take(result.ok)
        if reached and not verdict.good and kind != "readiness":
            self.failed[status.id] = kind
            self._changed()
        elif verdict.good != before:
            if kind == "startup":
                self._startup(status.id).set()
            self._changed()
