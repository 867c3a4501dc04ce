"""What a node's conditions and taints should be: a pure function of it and of when it was last
heard of."""

from __future__ import annotations

from dataclasses import dataclass

from grappe.api import Object
from grappe.base.clock import rfc3339
from grappe.reconcile import conditions

GRACE = 50.0
"""Seconds of silence after which a node's state is unknown."""
STARTUP_GRACE = 60.0
"""The same for a node that has never reported."""

_PREFIX = "node.kubernetes.io/"
NOT_READY = _PREFIX + "not-ready"
UNREACHABLE = _PREFIX + "unreachable"
UNSCHEDULABLE = _PREFIX + "unschedulable"

_BY_CONDITION = {
    ("Ready", "False"): NOT_READY,
    ("Ready", "Unknown"): UNREACHABLE,
    ("MemoryPressure", "True"): _PREFIX + "memory-pressure",
    ("DiskPressure", "True"): _PREFIX + "disk-pressure",
    ("NetworkUnavailable", "True"): _PREFIX + "network-unavailable",
    ("PIDPressure", "True"): _PREFIX + "pid-pressure",
}
_OURS = frozenset({*_BY_CONDITION.values(), UNSCHEDULABLE})
_WATCHED = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")

_NEVER = ("NodeStatusNeverUpdated", "Kubelet never posted node status.")
_STOPPED = ("NodeStatusUnknown", "Kubelet stopped posting node status.")


@dataclass(frozen=True, slots=True)
class World:
    """`silence` is for how many seconds we have noticed no sign of life; `others_ready` whether
    another node is ready. When none is, it is more likely that we are cut off, and nobody is
    evicted."""

    node: Object
    silence: float
    others_ready: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """None: leave as it is. `look_again_in` so many seconds silence would be too long."""

    conditions: list[Object] | None = None
    taints: list[Object] | None = None
    lost: bool = False
    look_again_in: float | None = None


def decide(world: World, now: float) -> Plan:
    """The next step for one node."""
    node = world.node
    known = conditions.find(node, "Ready")
    left = (GRACE if known is not None else STARTUP_GRACE) - world.silence
    listed: list[Object] | None = None
    if left <= 0:
        listed = _unknown(node, now)
    shown = listed if listed is not None else (node.get("status") or {}).get("conditions") or []
    wanted = taints(node, shown, world.others_ready, now)
    present = (node.get("spec") or {}).get("taints") or []
    return Plan(
        conditions=listed,
        taints=None if _same_taints(present, wanted) else wanted,
        lost=listed is not None and known is not None and known.get("status") == "True",
        look_again_in=left if left > 0 else None,
    )


def _unknown(node: Object, now: float) -> list[Object] | None:
    """The conditions with everything the node would report made Unknown; None when it is so."""
    listed = (node.get("status") or {}).get("conditions") or []
    result = [*listed]
    changed = False
    for kind in _WATCHED:
        present = conditions.find(node, kind)
        if present is not None and present.get("status") == "Unknown":
            continue
        changed = True
        reason, message = _NEVER if present is None else _STOPPED
        wanted = {
            "type": kind,
            "status": "Unknown",
            "lastHeartbeatTime": (present or {}).get("lastHeartbeatTime")
            or node["metadata"].get("creationTimestamp"),
            "reason": reason,
            "message": message,
        }
        result = conditions.with_condition(result, wanted, now)
    return result if changed else None


def taints(node: Object, listed: list[Object], others_ready: bool, now: float) -> list[Object]:
    """The node's taints with ours put right, and all others as they are."""
    present = (node.get("spec") or {}).get("taints") or []
    wanted: dict[tuple[str, str], Object] = {}
    for condition in listed:
        key = _BY_CONDITION.get((condition.get("type", ""), condition.get("status", "")))
        if key is None:
            continue
        wanted[key, "NoSchedule"] = {"key": key, "effect": "NoSchedule"}
        if key in (NOT_READY, UNREACHABLE) and others_ready:
            wanted[key, "NoExecute"] = {
                "key": key,
                "effect": "NoExecute",
                "timeAdded": rfc3339(now),
            }
    if not any(c.get("type") == "Ready" for c in listed):
        wanted[NOT_READY, "NoSchedule"] = {"key": NOT_READY, "effect": "NoSchedule"}
    if (node.get("spec") or {}).get("unschedulable"):
        wanted[UNSCHEDULABLE, "NoSchedule"] = {"key": UNSCHEDULABLE, "effect": "NoSchedule"}
    result = []
    for taint in present:
        if (
            taint["key"] not in _OURS
            or wanted.pop((taint["key"], taint["effect"]), None) is not None
        ):
            result.append(taint)
    return [*result, *wanted.values()]


def _same_taints(present: list[Object], wanted: list[Object]) -> bool:
    def names(listed: list[Object]) -> set[tuple[str, str]]:
        return {(t["key"], t["effect"]) for t in listed}

    return names(present) == names(wanted)
