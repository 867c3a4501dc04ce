"""Carry a running operation as far as it goes without waiting."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from grappe.api import Object
from grappe.base.clock import Clock, parse_rfc3339
from grappe.delivery.application import Application
from grappe.delivery.desired import Desired
from grappe.delivery.diff.compare import Compared
from grappe.delivery.health import assess
from grappe.delivery.live import LiveObjects
from grappe.delivery.resource import HOOK_RUN
from grappe.delivery.sync.decide import Finish, Outcome, Run, Wait, blocked, decide, observe
from grappe.delivery.sync.operation import Request, finish, outcomes_of, with_outcomes
from grappe.delivery.sync.perform import Performer, Settings
from grappe.delivery.sync.tasks import Task, TaskId, build_tasks

Look = Callable[[], Awaitable[Sequence[Compared]]]


class Advancer:
    """One operation at a time is handed in; nothing of it is kept here."""

    def __init__(self, performer: Performer, live: LiveObjects, clock: Clock) -> None:
        self._performer = performer
        self._live = live
        self._clock = clock

    async def advance(
        self, app: Application, state: Object, request: Request, desired: Desired, look: Look
    ) -> Object:
        """The state after every step that could be taken. `look` compares the Application anew.

        Raises TransportError; then the state before holds, and going on from it repeats at most
        what has no further effect.
        """
        settings = Settings(
            request.options, request.prune, request.dry_run, request.force, app.ignored
        )
        outcomes = outcomes_of(state)
        started = bool(outcomes)
        # What is pruned is no task any more the next time round.
        known: dict[TaskId, Task] = {}
        while True:
            tasks = await self._tasks(app, state, request, desired, await look(), outcomes)
            known |= {task.id: task for task in tasks}
            outcomes = observe(tasks, outcomes, assess)
            if not started:
                started = True
                refused = await self._refused(tasks, desired)
                if refused:
                    outcomes |= refused
                    told = "one or more synchronization tasks are not valid"
                    return self._finish(state, known, outcomes, Finish("Failed", told), request)
            decision = decide(tasks, outcomes)
            if isinstance(decision, Run):
                outcomes |= await self._performer.run(decision.tasks, settings)
            elif isinstance(decision, Wait):
                return {
                    **with_outcomes(state, known, outcomes),
                    "message": decision.message,
                }
            else:
                await self._performer.delete_hooks(tasks, outcomes)
                return self._finish(state, known, outcomes, decision, request)

    async def terminate(
        self, app: Application, state: Object, request: Request, desired: Desired, look: Look
    ) -> Object:
        """Stop an operation: running hooks are deleted, what is applied stays."""
        outcomes = outcomes_of(state)
        tasks = await self._tasks(app, state, request, desired, await look(), outcomes)
        for task in tasks:
            outcome = outcomes.get(task.id)
            if not task.is_hook or outcome is None or not outcome.running:
                continue
            if task.live is not None and task.resource is not None:
                await self._performer.delete(task.resource, task.live, "background")
            outcomes[task.id] = replace(outcome, phase="Succeeded", message="Deleted")
        once = replace(request, retry=replace(request.retry, limit=0))
        known = {task.id: task for task in tasks}
        return self._finish(state, known, outcomes, Finish("Failed", "Operation terminated"), once)

    # -- within ----------------------------------------------------------------------------
    async def _tasks(
        self,
        app: Application,
        state: Object,
        request: Request,
        desired: Desired,
        compared: Sequence[Compared],
        outcomes: dict[TaskId, Outcome],
    ) -> list[Task]:
        began = int(parse_rfc3339(state["startedAt"]))
        tasks = build_tasks(
            compared,
            desired.targets.hooks,
            request.options,
            only=request.only,
            namespace=app.namespace,
            namespace_metadata=app.namespace_metadata,
            suffix=f"{desired.revisions[0][:7]}-{{phase}}-{began}",
        )
        marked = f"{began}-{state.get('retryCount') or 0}"
        return [await self._with_live_hook(task, outcomes, marked) for task in tasks]

    async def _with_live_hook(
        self, task: Task, outcomes: dict[TaskId, Outcome], marked: str
    ) -> Task:
        """A hook with the mark of this try, and, once it was started, its live object."""
        if not task.is_hook or task.target is None:
            return task
        meta = task.target["metadata"]
        annotations = {**(meta.get("annotations") or {}), HOOK_RUN: marked}
        target = {**task.target, "metadata": {**meta, "annotations": annotations}}
        live = None
        if task.id in outcomes and task.resource is not None:
            live = await self._live.get(task.resource, task.ref)
        return replace(task, target=target, live=live)

    async def _refused(self, tasks: Sequence[Task], desired: Desired) -> dict[TaskId, Outcome]:
        """What is known to fail before anything is applied."""
        kinds, namespaces = set[tuple[str, str]](), set[str]()
        for task in tasks:
            if task.target is None:
                continue
            if task.ref.kind == "Namespace" and not task.ref.group:
                namespaces.add(task.ref.name)
            if task.ref.kind == "CustomResourceDefinition":
                spec = task.target.get("spec") or {}
                kinds.add((spec.get("group", ""), (spec.get("names") or {}).get("kind", "")))
        return blocked(tasks, frozenset(kinds)) or await self._performer.rehearse(
            tasks, frozenset(namespaces)
        )

    def _finish(
        self,
        state: Object,
        known: dict[TaskId, Task],
        outcomes: dict[TaskId, Outcome],
        decision: Finish,
        request: Request,
    ) -> Object:
        message = decision.message
        if decision.phase == "Failed" and "reason:" not in message:
            reasons = [
                f"{task_id.ref}: {outcome.message}"
                for task_id, outcome in outcomes.items()
                if outcome.failed
            ]
            message += f", reason: {'; '.join(reasons)}" if reasons else ""
        told = with_outcomes(state, known, outcomes)
        return finish(told, decision.phase, message, request.retry, self._clock.now())
