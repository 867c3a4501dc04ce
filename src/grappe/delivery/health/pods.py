"""Health of what runs once or by itself: Pod and Job."""

from __future__ import annotations

from grappe.api import Object
from grappe.delivery.health.verdict import Health


def pod(obj: Object) -> Health:
    status = obj.get("status") or {}
    message = str(status.get("message") or "")
    always = (obj.get("spec") or {}).get("restartPolicy", "Always") == "Always"
    containers = status.get("containerStatuses") or []
    if always and (stuck := _stuck(containers)):
        return Health("Degraded", ", ".join(stuck))
    phase = status.get("phase")
    if phase == "Pending":
        return Health("Progressing", message)
    if phase == "Succeeded":
        return Health("Healthy", message)
    if phase == "Failed":
        every = [*(status.get("initContainerStatuses") or ()), *containers]
        reasons = [reason for reason in map(_failure, every) if reason]
        return Health("Degraded", message or (reasons[0] if reasons else ""))
    if phase == "Running" and not always:
        return Health("Progressing", message)
    if phase == "Running":
        if any(
            c.get("type") == "Ready" and c.get("status") == "True"
            for c in status.get("conditions") or ()
        ):
            return Health("Healthy", message)
        if any((c.get("lastState") or {}).get("terminated") for c in containers):
            return Health("Degraded", message)
        return Health("Progressing", message)
    return Health("Unknown", message)


def _stuck(containers: list[Object]) -> list[str]:
    """Messages of containers that wait because something went wrong."""
    told = []
    for container in containers:
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason = waiting.get("reason") or ""
        if reason.startswith("Err") or reason.endswith(("Error", "BackOff")):
            told.append(waiting.get("message") or reason)
    return told


def _failure(container: Object) -> str:
    ended = (container.get("state") or {}).get("terminated") or {}
    if ended.get("message"):
        return str(ended["message"])
    if ended.get("reason") == "OOMKilled":
        return "OOMKilled"
    if ended.get("exitCode"):
        return f'container "{container["name"]}" failed with exit code {ended["exitCode"]}'
    return ""


def job(obj: Object) -> Health:
    finished: Health | None = None
    for condition in (obj.get("status") or {}).get("conditions") or ():
        if condition.get("status") != "True":
            continue
        if condition["type"] == "Failed":
            return Health("Degraded", condition.get("message", ""))
        if condition["type"] == "Complete":
            finished = Health("Healthy", condition.get("message", ""))
        if condition["type"] == "Suspended":
            finished = Health("Suspended", condition.get("message", ""))
    return finished or Health("Progressing")
