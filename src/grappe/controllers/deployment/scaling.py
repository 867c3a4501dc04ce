"""`replicas` changed: who grows or shrinks by how much.

With one ReplicaSet at work, it does. In mid-rollout every one takes its share, so that a bad new
version is not scaled up at the expense of the good old one.
https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#proportional-scaling
"""

from __future__ import annotations

from collections.abc import Sequence

from grappe.api import Object
from grappe.controllers.deployment.limits import is_rolling, limits
from grappe.controllers.deployment.rolling import Sizes
from grappe.controllers.deployment.rollout import (
    DESIRED,
    MAXIMUM,
    annotations_of,
    count,
    creation_order,
    replicas,
    total,
)


def _number(rs: Object, annotation: str) -> int | None:
    try:
        return int(annotations_of(rs)[annotation])
    except (KeyError, ValueError):
        return None


def is_scaling_event(deployment: Object, replicasets: Sequence[Object]) -> bool:
    """Whether a ReplicaSet at work was last sized for another number of replicas."""
    wanted = replicas(deployment)
    return any(
        replicas(rs) > 0 and _number(rs, DESIRED) not in (None, wanted) for rs in replicasets
    )


def scale(deployment: Object, new: Object | None, old: Sequence[Object]) -> Sizes:
    """New sizes, and the present one for every ReplicaSet whose annotations are out of date."""
    everything = [*old, *([new] if new is not None else [])]
    at_work = [rs for rs in everything if replicas(rs) > 0]
    only = _only_one(everything, at_work, new)
    if only is not None:
        return {only["metadata"]["name"]: replicas(deployment)}
    if not at_work:
        return {}
    if new is not None and _is_saturated(deployment, new):
        return {rs["metadata"]["name"]: 0 for rs in old if replicas(rs) > 0}
    if is_rolling(deployment):
        return _proportional(deployment, at_work)
    return {}


def _only_one(
    everything: Sequence[Object], at_work: Sequence[Object], new: Object | None
) -> Object | None:
    if len(at_work) == 1:
        return at_work[0]
    if not at_work:
        return new or max(everything, key=creation_order, default=None)
    return None


def _is_saturated(deployment: Object, rs: Object) -> bool:
    wanted = replicas(deployment)
    return (
        replicas(rs) == wanted
        and _number(rs, DESIRED) == wanted
        and count(rs, "availableReplicas") == wanted
    )


def _proportional(deployment: Object, at_work: Sequence[Object]) -> Sizes:
    wanted = replicas(deployment)
    allowed = wanted + limits(deployment).surge if wanted > 0 else 0
    change = allowed - total(at_work)
    # The largest first; of equals the newer grows and the older shrinks.
    ordered = sorted(at_work, key=creation_order, reverse=change > 0)
    ordered.sort(key=replicas, reverse=True)
    sizes: Sizes = {}
    added = 0
    for rs in ordered:
        share = _share(deployment, rs, change, added) if change else 0
        sizes[rs["metadata"]["name"]] = replicas(rs) + share
        added += share
    if change:
        first = ordered[0]["metadata"]["name"]
        sizes[first] = max(0, sizes[first] + change - added)
    return sizes


def _share(deployment: Object, rs: Object, change: int, added: int) -> int:
    left = change - added
    if not left:
        return 0
    fraction = _fraction(deployment, rs)
    return min(fraction, left) if change > 0 else max(fraction, left)


def _fraction(deployment: Object, rs: Object) -> int:
    size, wanted = replicas(rs), replicas(deployment)
    if not wanted:
        return -size
    before = _number(rs, MAXIMUM) or count(deployment, "replicas")
    if before <= 0:
        return 0
    # Rounded half away from zero.
    scaled = size * (wanted + limits(deployment).surge)
    return (2 * scaled + before) // (2 * before) - size
