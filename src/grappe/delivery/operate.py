"""Begin, carry on and end the syncs of an Application: asked for, or automatic."""

from __future__ import annotations

from collections.abc import Sequence

from grappe.api import Object
from grappe.base.clock import Clock
from grappe.delivery import autosync, status
from grappe.delivery.application import Application, InvalidSpecError
from grappe.delivery.desired import Desired, DesiredState
from grappe.delivery.diff.compare import Compared
from grappe.delivery.render.directory import RenderError
from grappe.delivery.report import Report, Reporter
from grappe.delivery.sources import SourceError
from grappe.delivery.sync import operation as operations
from grappe.delivery.sync.advance import Advancer
from grappe.delivery.sync.operation import Request
from grappe.delivery.world import World
from grappe.reconcile import Key
from grappe.reconcile.events import Recorder

_RUNNING_AGAIN = 5.0


class Operator:
    """Nothing is kept here: an operation is carried on from `status.operationState`."""

    def __init__(
        self,
        desired: DesiredState,
        world: World,
        advancer: Advancer,
        reporter: Reporter,
        events: Recorder,
        clock: Clock,
    ) -> None:
        self._desired = desired
        self._world = world
        self._advancer = advancer
        self._reporter = reporter
        self._events = events
        self._clock = clock

    async def operate(
        self,
        key: Key,
        app: Application,
        report: Report,
        desired: Desired,
        compared: Sequence[Compared],
    ) -> None:
        """Do what is to be done now about `compared`, and put it into the report."""
        state: Object | None = report.status.get("operationState")
        running = state is not None and operations.is_running(state)
        wanted = self._next(app, report, desired, compared, state if running else None)
        try:
            if wanted is not None:
                state = await self._begin(app, report, wanted)
            elif not running:
                return
            elif state is not None and (why := _outdated(app, state, desired)):
                ended = operations.superseded(state, why, self._clock.now())
                report.status["operationState"] = ended
                return
            assert state is not None  # running, or just begun
            await self._carry_on(key, app, report, desired, compared, state)
        except (SourceError, RenderError, InvalidSpecError) as error:
            self._fail(report, wanted, state, str(error))

    def _next(
        self,
        app: Application,
        report: Report,
        desired: Desired,
        compared: Sequence[Compared],
        running: Object | None,
    ) -> Object | None:
        """The operation to begin now, if any."""
        asked: Object | None = report.application.get("operation")
        if running is not None:
            if not _gives_way(running):
                return None
            if asked is not None:
                return asked
            if not _outdated(app, running, desired):
                return None
        elif asked is not None:
            return asked
        last: Object | None = report.status.get("operationState")
        decision = autosync.decide(
            app, report.spec, compared, desired.revisions, last, self._clock.now()
        )
        if isinstance(decision, autosync.Start):
            return decision.operation
        if decision.error:
            report.conditions.append(("SyncError", decision.error))
        if decision.again is not None:
            report.again = min(report.again, decision.again)
        return None

    async def _begin(self, app: Application, report: Report, operation: Object) -> Object:
        """What a sync will touch is on record before it is touched, so that whatever is killed in
        between, all of it is still found."""
        request = operations.parse_request(operation, app)
        wanted = await self._desired.load(app, request.sources)
        before = report.status.get("operationState")
        state = operations.begin(
            operation, report.spec, wanted.revisions, before, self._clock.now()
        )
        report.status["operationState"] = state
        await self._reporter.write(report)
        kind = "automated sync" if request.automated else "sync"
        told = f"Initiated {kind} to '{' '.join(wanted.revisions)}'"
        self._events.event(report.application, "Normal", "OperationStarted", told)
        return state

    async def _carry_on(
        self,
        key: Key,
        app: Application,
        report: Report,
        desired: Desired,
        compared: Sequence[Compared],
        state: Object,
    ) -> None:
        request = operations.parse_request(state["operation"], app)
        terminating = state["phase"] == operations.TERMINATING
        due = None if terminating else operations.retry_at(state, request.retry)
        if due is not None:
            left = due - self._clock.now()
            if left > 0:
                report.again = min(report.again, left)
                return
            state = operations.try_again(state)
            if request.automated and request.only is not None:
                # More may have drifted meanwhile: a kind, say, whose object was to be healed.
                state = operations.widened(state, [c.ref for c in compared if not c.in_sync])
                request = operations.parse_request(state["operation"], app)
        target = await self._target(key, app, report, request, desired, state)

        async def look() -> Sequence[Compared]:
            return await self._world.compare(app, target)

        work = self._advancer.terminate if terminating else self._advancer.advance
        state = await work(app, state, request, target, look)
        report.status["operationState"] = state
        now = self._clock.now()
        # Kinds that came with this very sync are served now.
        desired = await self._desired.load(app, app.sources)
        await self._world.follow(key, desired, report.status.get("resources") or ())
        report.compared(await self._world.compare(app, desired), desired.revisions, now)
        if operations.is_running(state):
            due = operations.retry_at(state, request.retry)
            report.again = _RUNNING_AGAIN if due is None else max(0.0, due - now)
            return
        self._ended(app, report, state, request)

    async def _target(
        self,
        key: Key,
        app: Application,
        report: Report,
        request: Request,
        desired: Desired,
        state: Object,
    ) -> Desired:
        """What the operation syncs to: it keeps the commits it began with."""
        revisions = operations.revisions_of(state)
        if request.sources == app.sources and revisions == list(desired.revisions):
            return desired
        pinned = operations.at_revisions(request.sources, revisions)
        target = await self._desired.load(app, pinned)
        await self._world.follow(key, target, report.status.get("resources") or ())
        return target

    def _ended(self, app: Application, report: Report, state: Object, request: Request) -> None:
        report.operation_done = state["operation"] == report.application.get("operation")
        report.again = 0.0
        succeeded = state["phase"] == "Succeeded"
        if succeeded and not request.dry_run and request.only is None:
            report.status["history"] = status.history(
                report.status.get("history") or (), state, app.history_limit, self._clock.now()
            )
        revision = " ".join(operations.revisions_of(state))
        told = f"Sync operation to {revision} {state['phase'].lower()}: {state['message']}"
        self._events.event(
            report.application, "Normal" if succeeded else "Warning", "OperationCompleted", told
        )

    def _fail(
        self, report: Report, wanted: Object | None, state: Object | None, message: str
    ) -> None:
        """An operation whose sources cannot be read, or that asks for what cannot be done."""
        now = self._clock.now()
        operation = wanted if wanted is not None else (state or {}).get("operation") or {}
        begun = state if state is not None and state.get("operation") == operation else None
        report.status["operationState"] = operations.failed(operation, begun, message, now)
        report.operation_done = operation == report.application.get("operation")


def _gives_way(running: Object) -> bool:
    """An automated sync makes room for what somebody asks for, and for a newer commit, which may
    be the mending of what it waits for."""
    automated = (running["operation"].get("initiatedBy") or {}).get("automated")
    return bool(automated) and running["phase"] != operations.TERMINATING


def _outdated(app: Application, running: Object, desired: Desired) -> str:
    """Why an automated sync is no longer wanted; empty when it is."""
    if not _gives_way(running):
        return ""
    if app.automated is None:
        return "automated sync was switched off"
    if operations.revisions_of(running) != list(desired.revisions):
        return f"superseded by {' '.join(desired.revisions)}"
    return ""
