"""Pods: the status column says in one word what a person must know."""

from __future__ import annotations

from typing import Any, NamedTuple

from grappe.api import Object
from grappe.api.printers.column import AGE, NAME, NONE, Column, Printer, age, since, wide

COLUMNS = (
    NAME,
    Column("Ready"),
    Column("Status"),
    Column("Restarts"),
    AGE,
    wide("IP"),
    wide("Node"),
    wide("Nominated Node"),
    wide("Readiness Gates"),
)


class _Seen(NamedTuple):
    """What a walk over container statuses finds."""

    reason: str
    ready: int
    restarts: int
    last_restart: str
    initializing: bool = False


def cells(pod: Object, now: float) -> list[Any]:
    """Name, Ready, Status, Restarts, Age, IP, Node, Nominated Node, Readiness Gates."""
    spec, status = pod["spec"], pod.get("status", {})
    sidecars = _sidecars(spec)
    reason = status.get("reason") or status.get("phase", "")
    if _condition(status, "PodScheduled").get("reason") == "SchedulingGated":
        reason = "SchedulingGated"
    seen = _init_containers(spec, status, sidecars, reason)
    if not seen.initializing or _is_true(status, "Initialized"):
        seen = _containers(status, seen, sidecars)
    reason = seen.reason
    if pod["metadata"].get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            reason = "Unknown"
        elif status.get("phase") not in ("Succeeded", "Failed"):
            reason = "Terminating"
    restarts = str(seen.restarts)
    if seen.restarts and seen.last_restart:
        restarts += f" ({since(seen.last_restart, now)} ago)"
    return [
        pod["metadata"]["name"],
        f"{seen.ready}/{len(spec.get('containers') or []) + len(sidecars)}",
        reason,
        restarts,
        age(pod, now),
        status.get("podIP") or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        _gates(spec, status),
    ]


def _sidecars(spec: Object) -> set[str]:
    """Names of the init containers that keep running."""
    return {
        c["name"] for c in spec.get("initContainers") or [] if c.get("restartPolicy") == "Always"
    }


def _init_containers(spec: Object, status: Object, sidecars: set[str], reason: str) -> _Seen:
    ready = restarts = 0
    last = ""
    statuses = status.get("initContainerStatuses") or []
    for position, container in enumerate(statuses):
        restarts += container.get("restartCount", 0)
        last = max(last, _last_end(container))
        state = container.get("state") or {}
        terminated, waiting = state.get("terminated"), state.get("waiting")
        if terminated and terminated.get("exitCode") == 0:
            continue
        if container.get("name") in sidecars and container.get("started"):
            ready += bool(container.get("ready"))
            continue
        if terminated:
            reason = "Init:" + _end(terminated)
        elif waiting and waiting.get("reason") not in (None, "", "PodInitializing"):
            reason = "Init:" + waiting["reason"]
        else:
            reason = f"Init:{position}/{len(spec.get('initContainers') or [])}"
        return _Seen(reason, ready, restarts, last, initializing=True)
    return _Seen(reason, ready, restarts, last)


def _containers(status: Object, seen: _Seen, sidecars: set[str]) -> _Seen:
    """Restarts of init containers that have done their work no longer count."""
    reason, ready, restarts, last = seen.reason, seen.ready, 0, ""
    for container in status.get("initContainerStatuses") or []:
        if container.get("name") in sidecars:
            restarts += container.get("restartCount", 0)
            last = max(last, _last_end(container))
    running = False
    failed = ""
    for container in reversed(status.get("containerStatuses") or []):
        restarts += container.get("restartCount", 0)
        last = max(last, _last_end(container))
        state = container.get("state") or {}
        terminated, waiting = state.get("terminated"), state.get("waiting")
        if waiting and waiting.get("reason"):
            reason = waiting["reason"]
        elif terminated:
            reason = _end(terminated)
            if terminated.get("exitCode"):
                failed = reason
        elif container.get("ready") and state.get("running") is not None:
            running = True
            ready += 1
    if reason == "Completed":
        if running and _is_true(status, "Ready"):
            reason = "Running"
        else:
            reason = failed or ("NotReady" if running else reason)
    return _Seen(reason, ready, restarts, last)


def _end(terminated: Object) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _last_end(container: Object) -> str:
    terminated = (container.get("lastState") or {}).get("terminated") or {}
    return str(terminated.get("finishedAt") or "")


def _condition(status: Object, kind: str) -> Object:
    for condition in status.get("conditions") or []:
        if condition.get("type") == kind:
            found: Object = condition
            return found
    return {}


def _is_true(status: Object, kind: str) -> bool:
    return bool(_condition(status, kind).get("status") == "True")


def _gates(spec: Object, status: Object) -> str:
    gates = [gate["conditionType"] for gate in spec.get("readinessGates") or []]
    if not gates:
        return NONE
    return f"{sum(_is_true(status, gate) for gate in gates)}/{len(gates)}"


PRINTER = Printer(COLUMNS, cells)


_ENDED = {"Succeeded": "The pod has completed successfully.", "Failed": "The pod failed."}


def row_conditions(pod: Object) -> list[Object]:
    """Of a pod that has ended: how."""
    phase = (pod.get("status") or {}).get("phase")
    if phase not in _ENDED:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": _ENDED[phase]}]
