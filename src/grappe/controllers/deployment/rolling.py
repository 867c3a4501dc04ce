"""Strategy RollingUpdate: how far the new ReplicaSet may grow and the old ones shrink now.

Never more pods than `replicas` + maxSurge, never fewer available than `replicas` - maxUnavailable.
"""

from __future__ import annotations

from collections.abc import Sequence

from grappe.api import Object
from grappe.controllers.deployment.limits import is_rolling, limits
from grappe.controllers.deployment.rollout import count, creation_order, replicas, total

Sizes = dict[str, int]
"""New `spec.replicas` by name of ReplicaSet, only those that change."""


def new_size(deployment: Object, new: Object | None, everything: Sequence[Object]) -> int:
    """How big the newest ReplicaSet should be now; `everything` includes it."""
    wanted = replicas(deployment)
    present = replicas(new) if new is not None else 0
    if not is_rolling(deployment):
        return wanted
    if present >= wanted:
        return wanted
    room = wanted + limits(deployment).surge - total(everything)
    return present + max(0, min(room, wanted - present))


def shrink_old(deployment: Object, new: Object, old: Sequence[Object]) -> Sizes:
    """How small the old ReplicaSets should be now: first the pods that are not available anyway,
    then as many available ones as can be spared.

    A ReplicaSet that has not yet followed its last change of size still reports pods that are as
    good as gone: no more than its size counts.
    """
    everything = [*old, new]
    least = replicas(deployment) - limits(deployment).unavailable
    new_unavailable = replicas(new) - _available(new)
    spare = total(everything) - least - new_unavailable
    if not total(old) or spare <= 0:
        return {}
    sizes = _without_unhealthy(old, spare)
    removed = sum(replicas(rs) - sizes.get(rs["metadata"]["name"], replicas(rs)) for rs in old)
    available = sum(map(_available, everything))
    return _without_available(old, sizes, min(available - least, spare - removed))


def _available(rs: Object) -> int:
    return min(count(rs, "availableReplicas"), replicas(rs))


def _without_unhealthy(old: Sequence[Object], spare: int) -> Sizes:
    sizes: Sizes = {}
    for rs in sorted(old, key=creation_order):
        size = replicas(rs)
        dead = min(spare, size - _available(rs))
        if size and dead > 0:
            sizes[rs["metadata"]["name"]] = size - dead
            spare -= dead
    return sizes


def _without_available(old: Sequence[Object], sizes: Sizes, spare: int) -> Sizes:
    result = dict(sizes)
    for rs in sorted(old, key=creation_order):
        name = rs["metadata"]["name"]
        size = result.get(name, replicas(rs))
        fewer = min(size, spare)
        if fewer > 0:
            result[name] = size - fewer
            spare -= fewer
    return result
