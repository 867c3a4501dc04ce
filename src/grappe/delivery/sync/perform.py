"""Do one task: the only module of this package that writes the objects of an Application."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES, Resource
from grappe.client.discovery import RESTMapper, UnknownKindError
from grappe.client.interface import Client, Propagation
from grappe.delivery.application import IgnoredDifference, SyncOptions
from grappe.delivery.diff.compare import FIELD_MANAGER
from grappe.delivery.diff.normalize import describe, keep_live
from grappe.delivery.live import LiveObjects
from grappe.delivery.resource import HOOK_DELETE_POLICY, HOOK_RUN, SYNC_OPTIONS, annotation, options
from grappe.delivery.sync.decide import Outcome
from grappe.delivery.sync.order import kind_rank
from grappe.delivery.sync.tasks import Task, TaskId

_AT_ONCE = 8
_CRD_SECONDS = 3.0
_GONE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How to sync: pruning allowed, dry run, delete and create anew what cannot be changed."""

    options: SyncOptions
    prune: bool
    dry_run: bool = False
    force: bool = False
    ignored: tuple[IgnoredDifference, ...] = ()


class Performer:
    """Raises TransportError when the server cannot be reached; what it refuses is an Outcome."""

    def __init__(self, client: Client, mapper: RESTMapper, live: LiveObjects) -> None:
        self._client = client
        self._mapper = mapper
        self._live = live
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def run(self, tasks: Sequence[Task], settings: Settings) -> dict[TaskId, Outcome]:
        """One step: kind after kind, those of one kind at once; a failed kind ends the step."""
        outcomes: dict[TaskId, Outcome] = {}
        for group in _by_kind(tasks):
            done = await asyncio.gather(*(self._run_one(task, settings) for task in group))
            outcomes |= {task.id: outcome for task, outcome in zip(group, done, strict=True)}
            if any(outcome.failed for outcome in done):
                break
        return outcomes

    async def rehearse(
        self, tasks: Sequence[Task], coming: frozenset[str]
    ) -> dict[TaskId, Outcome]:
        """Refusals of what would be created, found by a dry run before anything is applied.

        `coming`: namespaces this sync makes, in which nothing can be tried yet.
        """
        new = [
            task
            for task in tasks
            if task.target is not None
            and task.live is None
            and task.resource is not None
            and not task.is_hook
            and not task.creates_namespace
        ]
        done = await asyncio.gather(*(self._rehearse_one(task, coming) for task in new))
        return {
            task.id: outcome for task, outcome in zip(new, done, strict=True) if outcome is not None
        }

    async def delete_hooks(self, tasks: Sequence[Task], outcomes: dict[TaskId, Outcome]) -> None:
        """Delete finished hooks whose delete policy says so."""
        for task in tasks:
            outcome = outcomes.get(task.id)
            if not task.is_hook or outcome is None or outcome.running or task.resource is None:
                continue
            policies = options(task.target or {"metadata": {}}, HOOK_DELETE_POLICY)
            wanted = "HookFailed" if outcome.failed else "HookSucceeded"
            if wanted in policies and task.live is not None:
                await self.delete(task.resource, task.live, "background")

    async def delete(self, resource: Resource, obj: Object, propagation: str) -> None:
        """Delete exactly this object; one that is gone, or on its way, is no error."""
        meta = obj["metadata"]
        if meta.get("deletionTimestamp"):
            return
        policy: Propagation = _PROPAGATION[propagation]
        try:
            answer = await self._client.delete(
                resource,
                meta["name"],
                meta.get("namespace"),
                propagation=policy,
                uid=meta["uid"],
            )
        except ApiError as error:
            if error.code not in (404, 409):
                raise
            if error.code == 404:
                self._live.deleted(resource, obj)
            return
        if answer.get("kind") == resource.kind and answer["metadata"].get("deletionTimestamp"):
            self._live.wrote(resource, answer)
        else:
            self._live.deleted(resource, obj)

    # -- within ----------------------------------------------------------------------------
    async def _run_one(self, task: Task, settings: Settings) -> Outcome:
        async with self._slots:
            try:
                if task.is_prune:
                    return await self._prune(task, settings)
                if task.creates_namespace:
                    return await self._create_namespace(task, settings)
                return await self._apply(task, settings)
            except UnknownKindError as error:
                return Outcome("SyncFailed", "Failed", str(error))
            except ApiError as error:
                if error.code == 404:  # perhaps the kind is served no more
                    self._mapper.forget(task.api_version)
                return Outcome("SyncFailed", "Failed", _hinted(error))

    async def _prune(self, task: Task, settings: Settings) -> Outcome:
        assert task.live is not None
        if not settings.prune:
            return Outcome("PruneSkipped", "Succeeded", "ignored (requires pruning)")
        if "Prune=false" in options(task.live, SYNC_OPTIONS):
            return Outcome("PruneSkipped", "Succeeded", "ignored (no prune)")
        if settings.dry_run:
            return Outcome("PruneSkipped", "Succeeded", "pruned (dry run)")
        assert task.resource is not None  # it was found through its resource
        await self.delete(task.resource, task.live, settings.options.propagation)
        return Outcome("Pruned", "Succeeded", "pruned")

    async def _create_namespace(self, task: Task, settings: Settings) -> Outcome:
        assert task.target is not None
        if not settings.dry_run:
            if len(task.target["metadata"]) > 1:
                await self._client.apply(
                    NAMESPACES, task.target, field_manager=FIELD_MANAGER, force=True
                )
            else:
                try:
                    await self._client.create(NAMESPACES, task.target, field_manager=FIELD_MANAGER)
                except ApiError as error:
                    if error.reason != "AlreadyExists":
                        raise
                    return Outcome("Synced", "Running", f"namespace/{task.ref.name} unchanged")
        return Outcome("Synced", "Running", f"namespace/{task.ref.name} created")

    async def _apply(self, task: Task, settings: Settings) -> Outcome:
        target = task.target
        assert target is not None
        resource = task.resource or await self._mapper.resource(task.api_version, task.ref.kind)
        if task.is_hook and not settings.dry_run:
            await self._make_room(resource, task, target)
        if task.live is not None and settings.options.respect_ignored:
            pointers = [
                pointer
                for rule in settings.ignored
                if rule.matches(*task.ref)
                for pointer in rule.pointers
            ]
            target = keep_live(target, task.live, pointers)
        own = options(target, SYNC_OPTIONS)
        if (settings.options.replace or "Replace=true" in own) and task.live is not None:
            version = task.live["metadata"]["resourceVersion"]
            meta = {**target["metadata"], "resourceVersion": version}
            written = await self._client.update(
                resource, {**target, "metadata": meta}, field_manager=FIELD_MANAGER
            )
            done = "replaced"
        else:
            force = settings.force or "Force=true" in own
            written = await self._server_side_apply(resource, task, target, settings, force=force)
            done = "serverside-applied"
        if not settings.dry_run:
            self._live.wrote(resource, written)
            if resource == CUSTOM_RESOURCE_DEFINITIONS:
                await self._wait_established(written)
        name = f"{resource.kind.lower()}{'.' + resource.group if resource.group else ''}"
        return Outcome("Synced", "Running", f"{name}/{task.ref.name} {done}")

    async def _server_side_apply(
        self, resource: Resource, task: Task, target: Object, settings: Settings, *, force: bool
    ) -> Object:
        try:
            return await self._client.apply(
                resource, target, field_manager=FIELD_MANAGER, force=True, dry_run=settings.dry_run
            )
        except ApiError as error:
            # Force=true: what may not be changed is deleted and made anew.
            if error.code != 422 or not force or task.live is None or settings.dry_run:
                raise
        await self.delete(resource, task.live, "background")
        await self._wait_gone(resource, task)
        return await self._client.apply(resource, target, field_manager=FIELD_MANAGER, force=True)

    async def _make_room(self, resource: Resource, task: Task, target: Object) -> None:
        """A hook of an earlier sync goes before it runs anew (BeforeHookCreation, the default)."""
        policies = options(target, HOOK_DELETE_POLICY)
        if policies and "BeforeHookCreation" not in policies:
            return
        earlier = await self._live.read(resource, task.ref)
        if earlier is not None and annotation(earlier, HOOK_RUN) != annotation(target, HOOK_RUN):
            await self.delete(resource, earlier, "background")
            await self._wait_gone(resource, task)

    async def _wait_gone(self, resource: Resource, task: Task) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _GONE_SECONDS
        while await self._live.read(resource, task.ref) is not None:
            if loop.time() > deadline:
                raise ApiError(
                    409, "Conflict", f"{task.ref} is still being deleted; its finalizers hold it"
                )
            await asyncio.sleep(0.1)

    async def _wait_established(self, crd: Object) -> None:
        """Wait a moment until a new kind is served, so that what is of it can be applied."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _CRD_SECONDS
        name, group = crd["metadata"]["name"], crd["spec"]["group"]
        while loop.time() < deadline:
            conditions = (crd.get("status") or {}).get("conditions") or ()
            if any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
                break
            await asyncio.sleep(0.05)
            crd = await self._client.get(CUSTOM_RESOURCE_DEFINITIONS, name)
        for version in crd["spec"]["versions"]:
            self._mapper.forget(f"{group}/{version['name']}")

    async def _rehearse_one(self, task: Task, coming: frozenset[str]) -> Outcome | None:
        assert task.resource is not None
        assert task.target is not None
        if task.ref.namespace in coming:
            return None
        async with self._slots:
            try:
                await self._client.apply(
                    task.resource, task.target, field_manager=FIELD_MANAGER, force=True,
                    dry_run=True,
                )  # fmt: skip
            except ApiError as error:
                if error.code == 404:
                    self._mapper.forget(task.api_version)
                return Outcome("SyncFailed", "Failed", _hinted(error))
        return None


_PROPAGATION: dict[str, Propagation] = {
    "foreground": "Foreground",
    "background": "Background",
    "orphan": "Orphan",
}


def _by_kind(tasks: Sequence[Task]) -> list[list[Task]]:
    """Neighbours of one kind that are done alike; `tasks` are in order."""
    groups: list[list[Task]] = []
    for task in tasks:
        last = groups[-1][0] if groups else None
        if last is not None and (last.is_prune, kind_rank(last.ref), last.ref.kind) == (
            task.is_prune, kind_rank(task.ref), task.ref.kind,
        ):  # fmt: skip
            groups[-1].append(task)
        else:
            groups.append([task])
    return groups


def _hinted(error: ApiError) -> str:
    told = describe(error)
    if error.code == 404 and (error.details or {}).get("kind") == "namespaces":
        return f"{told} (add a Namespace manifest, or CreateNamespace=true to syncOptions)"
    return told
