"""What a StatefulSet needs now: a pure function of a snapshot and the time.

In order unless the policy is Parallel: a pod is made when all before it are available, and removed
when all after it are gone and no other is unready.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grappe.api import Object
from grappe.controllers.pods import availability, is_finished, is_ready, is_terminating, phase
from grappe.controllers.statefulset.pods import ordinal, revision_of
from grappe.controllers.statuses import without_zeros


@dataclass(frozen=True, slots=True)
class World:
    """A StatefulSet, its pods, and the names of the revisions it comes from and goes to."""

    statefulset: Object
    pods: Sequence[Object]
    current: str
    update: str


@dataclass(frozen=True, slots=True)
class Plan:
    """`create` maps ordinals to revisions. `current` is the revision the set is at now."""

    status: Object
    create: Mapping[int, str]
    delete: tuple[Object, ...] = ()
    current: str = ""
    look_again_at: float | None = None


def replicas(statefulset: Object) -> int:
    stated = statefulset["spec"].get("replicas")
    return 1 if stated is None else int(stated)


def start(statefulset: Object) -> int:
    """The first ordinal."""
    return int((statefulset["spec"].get("ordinals") or {}).get("start") or 0)


def _is_parallel(statefulset: Object) -> bool:
    return bool(statefulset["spec"].get("podManagementPolicy") == "Parallel")


def _partition(statefulset: Object) -> int:
    rolling = (statefulset["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
    return int(rolling.get("partition") or 0)


def decide(world: World, now: float) -> Plan:
    """The next step."""
    sts = world.statefulset
    first, last = start(sts), start(sts) + replicas(sts)
    found = {n: p for p in world.pods if (n := ordinal(sts, p)) is not None}
    if sts["metadata"].get("deletionTimestamp"):
        status, current = _status(world, found, {}, (), now)
        return Plan(status, {}, current=current)
    waits = [
        a.at
        for p in found.values()
        if (a := availability(p, sts["spec"].get("minReadySeconds") or 0, now)).at is not None
    ]
    create: dict[int, str] = {}
    delete: list[Object] = []
    blocked = _fill(world, found, range(first, last), create, delete, now)
    surplus = [found[n] for n in sorted(found, reverse=True) if not first <= n < last]
    if surplus and (_is_parallel(sts) or not (blocked or create)):
        delete += _shrink(sts, surplus, now)
    elif not (blocked or create or delete or surplus):
        delete += _roll(world, found, range(first, last), now)
    status, current = _status(world, found, create, delete, now)
    return Plan(status, create, tuple(delete), current, min(waits, default=None))


def _is_available(sts: Object, pod: Object, now: float) -> bool:
    if is_terminating(pod) or phase(pod) != "Running":
        return False
    return availability(pod, sts["spec"].get("minReadySeconds") or 0, now).available


def _fill(
    world: World,
    found: Mapping[int, Object],
    ordinals: range,
    create: dict[int, str],
    delete: list[Object],
    now: float,
) -> bool:
    """Make what is missing and replace what has ended; True when one must be waited for."""
    sts = world.statefulset
    for number in ordinals:
        pod = found.get(number)
        if pod is None:
            create[number] = _revision_for(world, number)
        elif is_finished(pod) and not is_terminating(pod):
            delete.append(pod)
        elif _is_available(sts, pod, now):
            continue
        if not _is_parallel(sts):
            return True
    return False


def _revision_for(world: World, number: int) -> str:
    """New pods below the partition, or not yet reached by the update, are of the old revision."""
    sts = world.statefulset
    strategy = (sts["spec"].get("updateStrategy") or {}).get("type")
    if strategy == "OnDelete" or world.current == world.update:
        return world.update
    current_replicas = int((sts.get("status") or {}).get("currentReplicas") or 0)
    partition = _partition(sts)
    bound = start(sts) + (partition if partition else current_replicas)
    return world.current if number < bound else world.update


def _shrink(sts: Object, surplus: Sequence[Object], now: float) -> list[Object]:
    """The highest first, one at a time unless Parallel; one that is not available is waited for,
    unless all others are available or it has ended."""
    if _is_parallel(sts):
        return [p for p in surplus if not is_terminating(p)]
    if any(map(is_terminating, surplus)):
        return []
    highest, *others = surplus
    if is_finished(highest) or _is_available(sts, highest, now):
        return [highest]
    is_alone = _is_unready(highest) and not any(map(_is_unready, others))
    return [highest] if is_alone else []


def _is_unready(pod: Object) -> bool:
    """Not running and ready, whatever `minReadySeconds` asks beyond."""
    return phase(pod) != "Running" or not is_ready(pod)


def _roll(world: World, found: Mapping[int, Object], ordinals: range, now: float) -> list[Object]:
    """The pod to be replaced by one of the new revision, the highest first; never while another
    is not available."""
    sts = world.statefulset
    if (sts["spec"].get("updateStrategy") or {}).get("type") == "OnDelete":
        return []
    for number in reversed(range(ordinals.start + _partition(sts), ordinals.stop)):
        pod = found[number]
        if revision_of(pod) != world.update and not is_terminating(pod):
            return [pod]
        if not _is_available(sts, pod, now):
            return []
    return []


def _status(
    world: World,
    found: Mapping[int, Object],
    create: Mapping[int, str],
    delete: Sequence[Object],
    now: float,
) -> tuple[Object, str]:
    """The counts once the plan has been carried out: which revision a missing pod gets depends
    on how many of the old one are meant to stay."""
    sts = world.statefulset
    min_ready = sts["spec"].get("minReadySeconds") or 0
    going = {p["metadata"]["name"] for p in delete}
    stay = [
        revision_of(p)
        for p in found.values()
        if not is_terminating(p) and p["metadata"]["name"] not in going
    ]
    of_each = Counter([*stay, *create.values()])
    ready = sum(phase(p) == "Running" and is_ready(p) for p in found.values())
    current = world.current
    strategy = (sts["spec"].get("updateStrategy") or {}).get("type") or "RollingUpdate"
    if strategy == "RollingUpdate" and of_each[world.update] == len(found) == ready == replicas(
        sts
    ):
        current = world.update
    status: Object = {
        "observedGeneration": sts["metadata"].get("generation") or 0,
        "replicas": len(found) + len(create),
        "readyReplicas": ready,
        "availableReplicas": sum(availability(p, min_ready, now).available for p in found.values()),
        "currentReplicas": of_each[current],
        "updatedReplicas": of_each[world.update],
        "currentRevision": current,
        "updateRevision": world.update,
        "collisionCount": (sts.get("status") or {}).get("collisionCount") or 0,
    }
    return without_zeros(status, keep=("replicas", "availableReplicas", "collisionCount")), current
