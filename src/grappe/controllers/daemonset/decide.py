"""What a DaemonSet needs now: a pure function of a snapshot and the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from grappe.api import Object
from grappe.controllers.daemonset.nodes import Fit, fit, target
from grappe.controllers.pods import availability, is_ready, is_terminating, phase
from grappe.controllers.revisions import REVISION_LABEL
from grappe.controllers.statuses import without_zeros


@dataclass(frozen=True, slots=True)
class World:
    """A DaemonSet, all nodes, its pods, and the hash of its present revision."""

    daemonset: Object
    nodes: Sequence[Object]
    pods: Sequence[Object]
    revision: str


@dataclass(frozen=True, slots=True)
class Plan:
    """`create` names nodes. `failed` are those of `delete` that have failed by themselves."""

    status: Object
    create: tuple[str, ...] = ()
    delete: tuple[Object, ...] = ()
    failed: tuple[Object, ...] = ()
    look_again_at: float | None = None


@dataclass(slots=True)
class _Draft:
    create: list[str] = field(default_factory=list)
    delete: list[Object] = field(default_factory=list)
    failed: list[Object] = field(default_factory=list)


def decide(world: World, now: float) -> Plan:
    """The next step."""
    daemonset = world.daemonset
    fits = {n["metadata"]["name"]: fit(daemonset, n) for n in world.nodes}
    on_node: dict[str, list[Object]] = {name: [] for name in fits}
    for pod in sorted(world.pods, key=_age):
        on_node.setdefault(target(pod), []).append(pod)
    status, at = _status(world, fits, on_node, now)
    if daemonset["metadata"].get("deletionTimestamp"):
        return Plan(status)
    draft = _Draft()
    for name, pods in on_node.items():
        _manage(draft, world, name, fits.get(name, Fit(False, True)), pods)
    if not draft.create and not draft.delete:
        _roll(draft, world, fits, on_node, now)
    return Plan(status, tuple(draft.create), tuple(draft.delete), tuple(draft.failed), at)


def _age(pod: Object) -> tuple[str, str]:
    meta = pod["metadata"]
    return (meta.get("creationTimestamp") or "", meta["name"])


def _is_new(world: World, pod: Object) -> bool:
    return bool((pod["metadata"].get("labels") or {}).get(REVISION_LABEL) == world.revision)


def _manage(draft: _Draft, world: World, name: str, wanted: Fit, pods: Sequence[Object]) -> None:
    """One node: a missing pod is made, a failed or superfluous one removed."""
    staying = [p for p in pods if not is_terminating(p)]
    ended = [p for p in staying if phase(p) in ("Failed", "Succeeded")]
    alive = [p for p in staying if p not in ended]
    draft.delete += ended
    draft.failed += ended
    if not wanted.stays:
        draft.delete += alive
    elif wanted.runs and not pods:
        draft.create.append(name)
    else:
        # In a surge an old and a new one stand side by side; more of a kind are too many.
        for kind in (True, False):
            draft.delete += [p for p in alive if _is_new(world, p) is kind][1:]


def limits(daemonset: Object, desired: int) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) as numbers of nodes, both rounded up."""
    strategy = daemonset["spec"].get("updateStrategy") or {}
    rolling = strategy.get("rollingUpdate") or {}

    def number(value: int | str | None, default: int) -> int:
        if value is None:
            return default
        if isinstance(value, str):
            return -(-int(value.rstrip("%")) * desired // 100)
        return value

    surge = number(rolling.get("maxSurge"), 0)
    unavailable = number(rolling.get("maxUnavailable"), 1)
    return surge, unavailable if surge or unavailable else 1


def _roll(
    draft: _Draft,
    world: World,
    fits: Mapping[str, Fit],
    on_node: Mapping[str, Sequence[Object]],
    now: float,
) -> None:
    """Replace pods of older revisions, within the limits."""
    daemonset = world.daemonset
    if (daemonset["spec"].get("updateStrategy") or {}).get("type") == "OnDelete":
        return
    nodes = [name for name, wanted in fits.items() if wanted.runs]
    surge, unavailable = limits(daemonset, len(nodes))
    down = surging = 0
    replaceable: list[Object] = []
    extendable: list[str] = []
    for name in nodes:
        old = next((p for p in on_node[name] if not _is_new(world, p)), None)
        new = next((p for p in on_node[name] if _is_new(world, p)), None)
        new_available = new is not None and _is_available(daemonset, new, now)
        old_available = old is not None and _is_available(daemonset, old, now)
        if old is None or is_terminating(old):
            down += not new_available
        elif new_available or not old_available:
            draft.delete.append(old)
            down += not new_available
        elif new is not None:
            surging += 1
        elif surge:
            extendable.append(name)
        else:
            replaceable.append(old)
    draft.delete += replaceable[: max(0, unavailable - down)]
    draft.create += extendable[: max(0, surge - surging)]


def _is_available(daemonset: Object, pod: Object, now: float) -> bool:
    min_ready = daemonset["spec"].get("minReadySeconds") or 0
    return not is_terminating(pod) and availability(pod, min_ready, now).available


def _status(
    world: World,
    fits: Mapping[str, Fit],
    on_node: Mapping[str, Sequence[Object]],
    now: float,
) -> tuple[Object, float | None]:
    daemonset = world.daemonset
    min_ready = daemonset["spec"].get("minReadySeconds") or 0
    desired = current = misscheduled = ready = available = updated = 0
    at: float | None = None
    for name, wanted in fits.items():
        pods = on_node[name]
        if not wanted.runs:
            misscheduled += bool(pods)
            continue
        desired += 1
        if not pods:
            continue
        current += 1
        ready += any(map(is_ready, pods))
        updated += any(_is_new(world, p) for p in pods)
        available += any(_is_available(daemonset, p, now) for p in pods)
        for pod in pods:
            due = availability(pod, min_ready, now).at
            if due is not None:
                at = due if at is None else min(at, due)
    status: Object = {
        "currentNumberScheduled": current,
        "numberMisscheduled": misscheduled,
        "desiredNumberScheduled": desired,
        "numberReady": ready,
        "observedGeneration": daemonset["metadata"].get("generation") or 0,
        "updatedNumberScheduled": updated,
        "numberAvailable": available,
        "numberUnavailable": desired - available,
        "collisionCount": (daemonset.get("status") or {}).get("collisionCount"),
    }
    required = (
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
    )
    return without_zeros(status, keep=required), at
