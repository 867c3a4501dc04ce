"""Which pods go first when there are too many.

Rule: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#scaling-a-replicaset
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from grappe.api import Object
from grappe.base.clock import parse_rfc3339
from grappe.controllers.pods import DELETION_COST, is_ready, phase, ready_since, restarts

_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


def _age_class(since: float, now: float) -> float:
    """Ages are compared by order of magnitude, so that ties are broken at random by uid rather
    than always against the newest."""
    age = now - since
    return -1.0 if age <= 0 else float(math.floor(math.log(age, 10))) if age >= 1 else 0.0


def deletion_cost(pod: Object) -> int:
    """The stated cost of deleting the pod; 0 when none (or no number) is stated."""
    stated = (pod["metadata"].get("annotations") or {}).get(DELETION_COST, "0")
    try:
        return int(stated)
    except ValueError:
        return 0


def _rank(pod: Object, crowd: int, now: float) -> tuple[object, ...]:
    """Sorts what goes first to the front."""
    since = ready_since(pod)
    ready = is_ready(pod)
    created = parse_rfc3339(pod["metadata"].get("creationTimestamp") or "1970-01-01T00:00:00Z")
    return (
        bool(pod["spec"].get("nodeName")),
        _PHASES.get(phase(pod), 2),
        ready,
        deletion_cost(pod),
        -crowd,
        _age_class(since, now) if ready and since else math.inf,
        -restarts(pod),
        _age_class(created, now),
        pod["metadata"]["uid"],
    )


def first_to_go(
    pods: Sequence[Object], related: Iterable[Object], count: int, now: float
) -> list[Object]:
    """`count` of the active `pods`. `related`: every active pod of the same owner's owner, by
    which it is told which nodes are crowded."""
    if count >= len(pods):
        return [*pods]
    crowds = Counter(p["spec"].get("nodeName") for p in related if p["spec"].get("nodeName"))
    ranked = sorted(pods, key=lambda p: _rank(p, crowds[p["spec"].get("nodeName")], now))
    return ranked[:count]
