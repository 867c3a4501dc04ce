"""What a Deployment needs now: a pure function of a snapshot and the time.

One step at a time: either the new ReplicaSet grows or the old ones shrink; what the ReplicaSet
controller then reports leads to the next step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grappe.api import Object
from grappe.api.selectors import label_selector_from_object
from grappe.controllers.claims import Claim, claim
from grappe.controllers.deployment import progress, rollout
from grappe.controllers.deployment.limits import is_rolling, limits
from grappe.controllers.deployment.recreate import old_pods_running
from grappe.controllers.deployment.rolling import Sizes, new_size, shrink_old
from grappe.controllers.deployment.rollout import annotations_of, replicas
from grappe.controllers.deployment.scaling import is_scaling_event, scale


@dataclass(frozen=True, slots=True)
class World:
    """A Deployment, the ReplicaSets it may manage (its own and nobody's), and their pods where
    the strategy is Recreate."""

    deployment: Object
    replicasets: tuple[Object, ...]
    pods: tuple[Object, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A merge patch for a ReplicaSet, and the event that tells of it."""

    replicaset: Object
    patch: Object
    event: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Carried out in this order; `annotations` are for the Deployment itself."""

    claim: Claim
    report: progress.Report
    create: Object | None = None
    changes: tuple[Change, ...] = ()
    delete: tuple[Object, ...] = ()
    annotations: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Step:
    """What is decided before it is turned into writes."""

    sizes: Sizes
    create: Object | None = None
    clean_up: bool = False


def decide(world: World, now: float) -> Plan:
    """The next step."""
    deployment = world.deployment
    selector = label_selector_from_object(deployment["spec"]["selector"])
    found = claim(deployment, selector, world.replicasets)
    mine = sorted((*found.owned, *found.adopt), key=rollout.creation_order)
    new = rollout.newest(deployment, mine)
    old = [rs for rs in mine if rs is not new]
    if deployment["metadata"].get("deletionTimestamp"):
        status = progress.counted(deployment, mine, new, now)
        return Plan(found, progress.Report(status))
    return _plan(world, found, old, new, now)


def _plan(
    world: World, found: Claim, old: Sequence[Object], new: Object | None, now: float
) -> Plan:
    deployment = world.deployment
    mine = [*old, *([new] if new is not None else [])]
    number = max(map(rollout.revision, old), default=0) + 1
    held = _held(deployment, old, new)
    step = held or _advance(world, old, new, number)
    newest = step.create or new
    annotations = rollout.wanted_annotations(deployment, new, number) if newest else {}
    changes = tuple(
        change
        for rs in mine
        if (change := _change(deployment, rs, step.sizes, annotations if rs is new else {}))
    )
    resized = [_resized(rs, step.sizes) for rs in mine]
    everything = [*resized, *([step.create] if step.create is not None else [])]
    shown = step.create or (_resized(new, step.sizes) if new is not None else None)
    if held is not None:
        status = progress.counted(deployment, everything, shown, now)
        status["conditions"] = progress.with_pause(deployment, status["conditions"], now)
        report = progress.Report(status)
    else:
        created = step.create is not None
        report = progress.report(deployment, everything, shown, now, created=created)
    clean = step.clean_up or progress.is_complete(deployment, report.status)
    return Plan(
        found,
        report,
        create=step.create,
        changes=changes,
        delete=tuple(rollout.removable(deployment, old)) if clean else (),
        annotations=_revision_annotation(deployment, annotations) if newest else None,
    )


def _held(deployment: Object, old: Sequence[Object], new: Object | None) -> _Step | None:
    """Paused, or a change of `replicas` to be followed first; None when the rollout goes on."""
    if deployment["spec"].get("paused"):
        return _Step(scale(deployment, new, old), clean_up=True)
    if is_scaling_event(deployment, [*old, *([new] if new is not None else [])]):
        sizes = scale(deployment, new, old)
        return _Step(sizes) if sizes else None
    return None


def _advance(world: World, old: Sequence[Object], new: Object | None, number: int) -> _Step:
    deployment = world.deployment
    mine = [*old, *([new] if new is not None else [])]
    if not is_rolling(deployment):
        running = {rs["metadata"]["name"]: 0 for rs in old if replicas(rs) > 0}
        if running:
            return _Step(running)
        if old_pods_running(world.pods, new):
            return _Step({})
    size = new_size(deployment, new, mine)
    if new is None:
        created = _create(deployment, size, number)
        shrink = shrink_old(deployment, created, old) if is_rolling(deployment) else {}
        return _Step(shrink, create=created)
    if size != replicas(new):
        return _Step({new["metadata"]["name"]: size})
    return _Step(shrink_old(deployment, new, old) if is_rolling(deployment) else {})


def _create(deployment: Object, size: int, number: int) -> Object:
    surge = limits(deployment).surge
    annotations = {
        **rollout.wanted_annotations(deployment, None, number),
        **rollout.size_annotations(replicas(deployment), surge),
    }
    collisions = int((deployment.get("status") or {}).get("collisionCount") or 0)
    return rollout.new_replicaset(deployment, size, annotations, collisions)


def _change(
    deployment: Object, rs: Object, sizes: Sizes, annotations: Mapping[str, str]
) -> Change | None:
    """The patch that brings a ReplicaSet to its size and annotations; None when it is there."""
    name = rs["metadata"]["name"]
    wanted = dict(annotations)
    spec: Object = {}
    event = ""
    if name in sizes:
        wanted |= rollout.size_annotations(replicas(deployment), limits(deployment).surge)
        before, after = replicas(rs), sizes[name]
        if before != after:
            spec["replicas"] = after
            direction = "up" if after > before else "down"
            event = f"Scaled {direction} replica set {name} from {before} to {after}"
    if annotations:
        min_ready = deployment["spec"].get("minReadySeconds") or 0
        if min_ready != (rs["spec"].get("minReadySeconds") or 0):
            spec["minReadySeconds"] = min_ready
    known = annotations_of(rs)
    changed = {key: value for key, value in wanted.items() if known.get(key) != value}
    patch: Object = {"spec": spec} if spec else {}
    if changed:
        patch["metadata"] = {"annotations": changed}
    return Change(rs, patch, event) if patch else None


def _resized(rs: Object, sizes: Sizes) -> Object:
    name = rs["metadata"]["name"]
    if name not in sizes:
        return rs
    return {**rs, "spec": {**rs["spec"], "replicas": sizes[name]}}


def _revision_annotation(
    deployment: Object, annotations: Mapping[str, str]
) -> Mapping[str, str] | None:
    wanted = annotations.get(rollout.REVISION)
    if wanted is None or annotations_of(deployment).get(rollout.REVISION) == wanted:
        return None
    return {rollout.REVISION: wanted}
