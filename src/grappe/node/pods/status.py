"""A pod's status as the kubelet writes it: a plain function of what was seen (pure).

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grappe.api import Object
from grappe.base.clock import rfc3339
from grappe.node.pods import restart, spec
from grappe.node.pods.resources import qos_class
from grappe.node.pods.snapshot import Snapshot
from grappe.node.pods.spec import Declared
from grappe.node.runtime.interface import ContainerStatus

_GONE = (
    "ContainerStatusUnknown",
    "The container could not be located when the pod was terminated",
)


def _terminated(status: ContainerStatus, runtime: str, message: str) -> Object:
    reason = status.reason or ("Completed" if status.exit_code == 0 else "Error")
    out: Object = {"exitCode": status.exit_code, "reason": reason}
    if message or status.message:
        out["message"] = message or status.message
    out["startedAt"] = rfc3339(status.started_at) if status.started_at else None
    out["finishedAt"] = rfc3339(status.finished_at) if status.finished_at else None
    out["containerID"] = f"{runtime}://{status.id}"
    return {"terminated": out}


def container_status(
    snapshot: Snapshot,
    declared: Declared,
    *,
    runtime: str,
    waiting: Mapping[str, tuple[str, str]],
    messages: Mapping[str, str],
    stopped: bool = False,
) -> Object:
    """One entry of containerStatuses. `waiting`: containers in back-off or that could not be
    started; `messages`: container id → termination message; `stopped`: the pod is over, what
    never ran never will."""
    instances = snapshot.containers.get(declared.name, ())
    newest = instances[0] if instances else None
    previous = instances[1] if len(instances) > 1 else None
    has_init = bool(snapshot.pod["spec"].get("initContainers"))
    last: Object = {}
    if previous is not None and previous.state == "exited":
        last = _terminated(previous, runtime, messages.get(previous.id, ""))
    why = waiting.get(declared.name)
    state: Object
    if newest is None or newest.state in ("created", "unknown"):
        if stopped and newest is not None:
            reason, text = _GONE
            state = {"terminated": {"exitCode": 137, "reason": reason, "message": text}}
            state["terminated"].update(startedAt=None, finishedAt=None)
        else:
            waits: Object = {"reason": "PodInitializing" if has_init else "ContainerCreating"}
            if why:
                waits = {"reason": why[0], "message": why[1]}
            state = {"waiting": waits}
    elif newest.state == "running":
        state = {"running": {"startedAt": rfc3339(newest.started_at)}}
    else:
        state = _terminated(newest, runtime, messages.get(newest.id, ""))
        if why and not stopped:
            last = state
            state = {"waiting": {"reason": why[0], "message": why[1]}}
    running = newest is not None and newest.state == "running"
    started = running and newest is not None and newest.id in snapshot.started
    succeeded = (
        declared.kind == "init"
        and not declared.restartable
        and newest is not None
        and newest.state == "exited"
        and newest.exit_code == 0
    )
    ready = succeeded or (started and newest is not None and newest.id in snapshot.ready)
    out: Object = {
        "name": declared.name,
        "state": state,
        "lastState": last,
        "ready": ready and declared.kind != "ephemeral",
        "restartCount": newest.attempt if newest is not None else 0,
        "image": declared.spec.get("image", "") if newest is None else newest.image,
        "imageID": newest.image_ref if newest is not None else "",
        "started": bool(started),
    }
    if newest is not None:
        out["containerID"] = f"{runtime}://{newest.id}"
    own = declared.spec.get("resources") or {}
    if own.get("requests") or own.get("limits"):
        out["resources"] = own
        if own.get("requests"):
            out["allocatedResources"] = own["requests"]
    mounts = declared.spec.get("volumeMounts") or ()
    if mounts and newest is not None:
        out["volumeMounts"] = [_mount(mount) for mount in mounts]
    return out


def _mount(mount: Object) -> Object:
    out: Object = {"name": mount["name"], "mountPath": mount["mountPath"]}
    if mount.get("readOnly"):
        out["readOnly"] = True
        out["recursiveReadOnly"] = mount.get("recursiveReadOnly", "Disabled")
    return out


def phase(pod: Object, statuses: Mapping[str, Object], *, initialized: bool, over: bool) -> str:
    """Pending, Running, Succeeded or Failed. `initialized`: the init containers are done, whatever
    became of them since; `over`: no container runs any more and none will."""
    waiting = running = stopped = succeeded = 0
    uninitialized = failed_init = False
    for declared in spec.containers(pod):
        if declared.kind == "ephemeral":
            continue
        status = statuses[declared.name]
        state = status["state"]
        ran = bool(status["lastState"].get("terminated"))
        if declared.restartable:
            pending = not status["started"] if "running" in state else not ran
            uninitialized = uninitialized or (pending and "terminated" not in state and not over)
            continue
        if declared.kind == "init":
            if "terminated" not in state:
                uninitialized = True
            elif state["terminated"]["exitCode"]:
                final = restart.policy(pod, declared) == "Never"
                failed_init = failed_init or final
                uninitialized = uninitialized or not final
            continue
        if "running" in state:
            running += 1
        elif "terminated" in state:
            stopped += 1
            succeeded += state["terminated"]["exitCode"] == 0
        elif ran:
            stopped += 1
        else:
            waiting += 1
    if failed_init and not initialized:
        return "Failed" if over else "Pending"
    if (uninitialized and not initialized) or waiting:
        return "Pending"
    if running:
        return "Running"
    if stopped and over:
        ended_well = succeeded == stopped
        if pod["spec"].get("restartPolicy", "Always") == "Always" and not all(
            c.spec.get("restartPolicy") for c in spec.containers(pod) if c.kind == "main"
        ):
            return "Running"
        return "Succeeded" if ended_well else "Failed"
    return "Running" if stopped else "Pending"


def _unready(pod: Object, statuses: Mapping[str, Object]) -> list[str]:
    return [
        c.name
        for c in spec.containers(pod)
        if (c.kind == "main" or c.restartable) and not statuses[c.name]["ready"]
    ]


def _not_initialized(pod: Object, statuses: Mapping[str, Object], past: bool) -> list[str]:
    if past:
        return []
    return [
        c.name
        for c in spec.containers(pod)
        if c.kind == "init"
        and not (statuses[c.name]["started"] if c.restartable else statuses[c.name]["ready"])
    ]


def conditions(
    snapshot: Snapshot, statuses: Mapping[str, Object], phase_now: str, *, initialized: bool
) -> list[Object]:
    """The five conditions the kubelet owns (PodScheduled is the scheduler's, kept true)."""
    pod = snapshot.pod
    sandbox = snapshot.current is not None and snapshot.current.ready
    over = phase_now in ("Succeeded", "Failed")
    why_over = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(phase_now, "")
    pending = _not_initialized(pod, statuses, initialized)
    unready = _unready(pod, statuses)
    out: list[Object] = [
        {"type": "PodReadyToStartContainers", "status": _word(sandbox)},
        {"type": "Initialized", "status": "True"},
    ]
    if phase_now == "Succeeded":
        out[1]["reason"] = "PodCompleted"
    elif pending:
        out[1] = {
            "type": "Initialized",
            "status": "False",
            "reason": "ContainersNotInitialized",
            "message": f"containers with incomplete status: [{' '.join(pending)}]",
        }
    containers_ready: Object = {"type": "ContainersReady", "status": "True"}
    if over:
        containers_ready.update(status="False", reason=why_over)
    elif unready or pending:
        names = [*pending, *unready] if pending else unready
        listed = " ".join(dict.fromkeys(names if not pending else unready))
        containers_ready.update(
            status="False",
            reason="ContainersNotReady",
            message=f"containers with unready status: [{listed}]",
        )
    ready = {**containers_ready, "type": "Ready"}
    if ready["status"] == "True" and (gates := _closed_gates(pod)):
        ready.update(status="False", reason="ReadinessGatesNotReady", message=", ".join(gates))
    out += [ready, containers_ready, {"type": "PodScheduled", "status": "True"}]
    return out


def _closed_gates(pod: Object) -> list[str]:
    found = {c["type"]: c["status"] for c in (pod.get("status") or {}).get("conditions") or ()}
    out = []
    for gate in pod["spec"].get("readinessGates") or ():
        name = gate["conditionType"]
        if name not in found:
            out.append(f'corresponding condition of pod readiness gate "{name}" does not exist.')
        elif found[name] != "True":
            out.append(
                f'the status of pod readiness gate "{name}" is not "True", but {found[name]}'
            )
    return out


def _word(value: bool) -> str:
    return "True" if value else "False"


def with_times(pod: Object, fresh: list[Object], now: float) -> list[Object]:
    """Give each condition the time of its last change."""
    old = {c["type"]: c for c in (pod.get("status") or {}).get("conditions") or ()}
    generation = pod["metadata"].get("generation")
    out = []
    for condition in fresh:
        before = old.get(condition["type"])
        same = before is not None and before.get("status") == condition["status"]
        changed: Any = before.get("lastTransitionTime") if same and before else None
        full: Object = {
            "type": condition["type"],
            "status": condition["status"],
            "lastProbeTime": None,
            "lastTransitionTime": changed or rfc3339(now),
        }
        full.update({k: condition[k] for k in ("reason", "message") if k in condition})
        if generation:
            full["observedGeneration"] = generation
        out.append(full)
    return out


def pod_status(
    snapshot: Snapshot,
    *,
    runtime: str,
    host_ip: str,
    waiting: Mapping[str, tuple[str, str]],
    messages: Mapping[str, str],
    initialized: bool,
    over: bool,
    start_time: str,
) -> Object:
    """The whole status. `over`: everything has ended and nothing starts again."""
    pod = snapshot.pod
    statuses = {
        c.name: container_status(
            snapshot, c, runtime=runtime, waiting=waiting, messages=messages, stopped=over
        )
        for c in spec.containers(pod)
    }
    out: Object = {"phase": phase(pod, statuses, initialized=initialized, over=over)}
    if snapshot.stop is not None and snapshot.stop.phase and over:
        out["phase"] = snapshot.stop.phase
    if snapshot.stop is not None and snapshot.stop.reason:
        out["reason"], out["message"] = snapshot.stop.reason, snapshot.stop.message
    if not over and out["phase"] in ("Succeeded", "Failed"):
        out["phase"] = "Running"
    fresh = conditions(snapshot, statuses, out["phase"], initialized=initialized)
    out["conditions"] = with_times(pod, fresh, snapshot.now)
    if generation := pod["metadata"].get("generation"):
        out["observedGeneration"] = generation
    out["hostIP"], out["hostIPs"] = host_ip, [{"ip": host_ip}]
    ips = [entry["ip"] for entry in (pod.get("status") or {}).get("podIPs") or ()]
    # A pod whose sandbox has ended keeps the address it had.
    if snapshot.current is not None and snapshot.current.ready:
        ips = [host_ip] if snapshot.current.host_network else [*snapshot.current.ips]
    if ips:
        out["podIP"], out["podIPs"] = ips[0], [{"ip": ip} for ip in ips]
    out["startTime"] = start_time
    out["qosClass"] = (pod.get("status") or {}).get("qosClass") or qos_class(pod)
    lists = {
        "init": "initContainerStatuses",
        "main": "containerStatuses",
        "ephemeral": "ephemeralContainerStatuses",
    }
    for declared in spec.containers(pod):
        out.setdefault(lists[declared.kind], []).append(statuses[declared.name])
    return out
