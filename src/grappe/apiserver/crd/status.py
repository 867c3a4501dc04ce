"""The status a CustomResourceDefinition should have."""

from __future__ import annotations

from grappe.api import Object
from grappe.apiserver.crd.definition import Definition
from grappe.apiserver.crd.naming import Verdict


def wanted_status(definition: Definition, verdict: Verdict, now: str) -> Object:
    """The definition's status once `verdict` about its names is in it; equal to the one it has
    when nothing changes. `now` is the time of what does change (RFC 3339)."""
    conditions = [dict(c) for c in definition.status.get("conditions") or ()]
    _set(
        conditions,
        "NamesAccepted",
        "True" if verdict.accepted else "False",
        verdict.reason,
        verdict.message,
        now,
    )
    if definition.condition("Established") != "True":  # never taken back
        if verdict.accepted:
            reason, message = "InitialNamesAccepted", "the initial names have been accepted"
            _set(conditions, "Established", "True", reason, message, now)
        else:
            reason, message = "NotAccepted", "not all names are accepted"
            _set(conditions, "Established", "False", reason, message, now)
    if is_protected(definition.group):
        _set(conditions, "KubernetesAPIApprovalPolicyConformant", *_approval(definition), now)
    stored = list(definition.status.get("storedVersions") or ())
    if definition.storage_version and definition.storage_version not in stored:
        stored.append(definition.storage_version)
    return {
        **definition.status,
        "conditions": conditions,
        "acceptedNames": verdict.names.to_object(),
        "storedVersions": stored,
    }


def is_protected(group: str) -> bool:
    """Whether the group is Kubernetes' own, so that its definitions need an approval."""
    return group.endswith((".k8s.io", ".kubernetes.io")) or group in ("k8s.io", "kubernetes.io")


def _approval(definition: Definition) -> tuple[str, str, str]:
    approval = definition.approval or ""
    if approval.startswith("https://"):
        return "True", "ApprovedAnnotation", f"approved in {approval}"
    if approval.startswith("unapproved"):
        return (
            "False",
            "UnapprovedAnnotation",
            f'not approved: "api-approved.kubernetes.io": "{approval}"',
        )
    return (
        "False",
        "MissingAnnotation",
        'protected groups must have approval annotation "api-approved.kubernetes.io", see '
        "https://github.com/kubernetes/enhancements/pull/1111",
    )


def _set(
    conditions: list[Object], kind: str, status: str, reason: str, message: str, now: str
) -> None:
    wanted = {"type": kind, "status": status, "reason": reason, "message": message}
    for condition in conditions:
        if condition.get("type") == kind:
            if condition.get("status") != status:
                condition["lastTransitionTime"] = now
            condition.update(wanted)
            return
    conditions.append({**wanted, "lastTransitionTime": now})


def terminating(status: Object, reason: str, message: str, state: str, now: str) -> Object:
    """`status` with the condition Terminating."""
    conditions = [dict(c) for c in status.get("conditions") or ()]
    _set(conditions, "Terminating", state, reason, message, now)
    return {**status, "conditions": conditions}
