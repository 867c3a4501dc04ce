"""The tasks of one sync: what is applied, pruned and run as a hook, in which step."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from grappe.api import Object
from grappe.api.resources import NAMESPACES, Resource
from grappe.delivery.application import SyncOptions
from grappe.delivery.diff.compare import Compared
from grappe.delivery.resource import SYNC_OPTIONS, Ref, options
from grappe.delivery.sync.order import PHASES, sort_key
from grappe.delivery.targets import Target


class TaskId(NamedTuple):
    """A hook may run in several phases; any other object has one task."""

    phase: str
    ref: Ref


@dataclass(frozen=True, slots=True)
class Task:
    """`target` is None for what is pruned, `live` for what does not exist yet."""

    id: TaskId
    wave: int
    api_version: str
    resource: Resource | None
    target: Object | None
    live: Object | None
    is_hook: bool = False
    creates_namespace: bool = False

    @property
    def ref(self) -> Ref:
        return self.id.ref

    @property
    def is_prune(self) -> bool:
        return self.target is None

    @property
    def step(self) -> tuple[int, int]:
        return PHASES.index(self.id.phase), self.wave


def build_tasks(
    compared: Sequence[Compared],
    hooks: Sequence[Target],
    settings: SyncOptions,
    *,
    only: Collection[Ref] | None,
    namespace: str,
    namespace_metadata: Mapping[str, Any] | None,
    suffix: str,
) -> list[Task]:
    """All tasks in order. `only` limits them (and leaves hooks out); `suffix` ends the names of
    hooks that have none of their own, `{phase}` in it stands for their phase."""
    tasks = [_resource_task(c) for c in compared if only is None or _selected(c.ref, only)]
    if settings.apply_out_of_sync_only:
        fresh = {c.ref for c in compared if c.in_sync}
        tasks = [task for task in tasks if task.ref not in fresh]
    tasks = _reverse_prune_waves(tasks, prune_last=settings.prune_last)
    if only is None:
        tasks += [task for hook in hooks for task in _hook_tasks(hook, suffix)]
    if settings.create_namespace and namespace and not _brings_namespace(compared, namespace):
        tasks.append(_namespace_task(namespace, namespace_metadata))
    return sorted(tasks, key=_order)


def _selected(ref: Ref, only: Collection[Ref]) -> bool:
    """What has no namespace may be selected with or without one."""
    return ref in only or any(
        not ref.namespace and ref == wanted._replace(namespace="") for wanted in only
    )


def _resource_task(compared: Compared) -> Task:
    obj = compared.target.object if compared.target is not None else compared.live
    assert obj is not None  # there is a target or a live object, else it would not be compared
    return Task(
        TaskId("Sync", compared.ref),
        compared.wave,
        obj["apiVersion"],
        compared.resource,
        compared.target.object if compared.target is not None else None,
        compared.live,
    )


def _hook_tasks(hook: Target, suffix: str) -> Iterable[Task]:
    for phase in hook.phases:
        obj, ref = hook.object, hook.ref
        if not obj["metadata"].get("name"):
            name = obj["metadata"]["generateName"] + suffix.replace("{phase}", phase.lower())
            ref = ref._replace(name=name)
            meta = {k: v for k, v in obj["metadata"].items() if k != "generateName"}
            obj = {**obj, "metadata": {**meta, "name": name}}
        yield Task(
            TaskId(phase, ref),
            hook.wave,
            obj["apiVersion"],
            hook.resource,
            obj,
            None,
            is_hook=True,
        )


def _reverse_prune_waves(tasks: Sequence[Task], *, prune_last: bool) -> list[Task]:
    """What came first goes last. With PruneLast, or asked for by the object: after all else."""
    waves = sorted({task.wave for task in tasks if task.is_prune})
    mirrored = dict(zip(waves, reversed(waves), strict=True))
    after_all = max((task.wave for task in tasks), default=0) + 1
    made = []
    for task in tasks:
        if task.is_prune:
            asked = task.live is not None and "PruneLast=true" in options(task.live, SYNC_OPTIONS)
            wave = after_all if prune_last or asked else mirrored[task.wave]
            task = replace(task, wave=wave)
        made.append(task)
    return made


def _brings_namespace(compared: Sequence[Compared], namespace: str) -> bool:
    wanted = Ref("", "Namespace", "", namespace)
    return any(c.ref == wanted and c.target is not None for c in compared)


def _namespace_task(namespace: str, metadata: Mapping[str, Any] | None) -> Task:
    given = metadata or {}
    meta = {key: given[key] for key in ("labels", "annotations") if given.get(key)}
    obj = {"apiVersion": "v1", "kind": "Namespace", "metadata": {**meta, "name": namespace}}
    ref = Ref("", "Namespace", "", namespace)
    # Before everything, whatever waves the hooks of PreSync have.
    return Task(TaskId("PreSync", ref), -1_000_000, "v1", NAMESPACES, obj, None,
                creates_namespace=True)  # fmt: skip


def _order(task: Task) -> tuple[Any, ...]:
    """Step by step; within one what is pruned first, in the opposite order of kinds."""
    rank, ref = sort_key(task.ref)
    return (*task.step, not task.is_prune, -rank if task.is_prune else rank, ref)
