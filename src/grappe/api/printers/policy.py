"""Roles and their bindings, admission configuration, flow control."""

from __future__ import annotations

from typing import Any

from grappe.api import Object
from grappe.api.printers.column import AGE, NAME, NONE, UNSET, Column, Printer, age, number, wide


def _binding(obj: Object, now: float) -> list[Any]:
    ref = obj["roleRef"]
    subjects = obj.get("subjects") or []
    accounts = [
        f"{s.get('namespace', '')}/{s['name']}" for s in subjects if s["kind"] == "ServiceAccount"
    ]
    return [
        obj["metadata"]["name"],
        f"{ref['kind']}/{ref['name']}",
        age(obj, now),
        ", ".join(s["name"] for s in subjects if s["kind"] == "User"),
        ", ".join(s["name"] for s in subjects if s["kind"] == "Group"),
        ", ".join(accounts),
    ]


def _webhooks(obj: Object, now: float) -> list[Any]:
    return [obj["metadata"]["name"], len(obj.get("webhooks") or []), age(obj, now)]


def _validating_policy(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec", {})
    return [
        obj["metadata"]["name"],
        len(spec.get("validations") or []),
        _param_kind(spec),
        age(obj, now),
    ]


def _mutating_policy(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec", {})
    return [
        obj["metadata"]["name"],
        len(spec.get("mutations") or []),
        _param_kind(spec),
        age(obj, now),
    ]


def _param_kind(spec: Object) -> str:
    kind = spec.get("paramKind")
    return f"{kind['apiVersion']}/{kind['kind']}" if kind else UNSET


def _policy_binding(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec", {})
    ref = spec.get("paramRef") or {}
    shown = UNSET
    if ref.get("name"):
        shown = f"{ref.get('namespace') or '*'}/{ref['name']}"
    elif ref.get("selector") is not None:
        shown = _go_selector(ref["selector"])
    return [obj["metadata"]["name"], spec.get("policyName", ""), shown, age(obj, now)]


def _go_selector(selector: Object) -> str:
    """A LabelSelector as Go prints the struct, which is what Kubernetes shows here."""
    labels = "".join(f"{k}: {v}," for k, v in sorted((selector.get("matchLabels") or {}).items()))
    rules = "".join(
        f"LabelSelectorRequirement{{Key:{rule['key']},Operator:{rule['operator']},"
        f"Values:[{' '.join(rule.get('values') or [])}],}},"
        for rule in selector.get("matchExpressions") or []
    )
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},"
        f"MatchExpressions:[]LabelSelectorRequirement{{{rules}}},}}"
    )


def _flow_schema(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec", {})
    told = obj.get("status", {}).get("conditions") or []
    dangling = next((c.get("status") for c in told if c.get("type") == "Dangling"), "?")
    return [
        obj["metadata"]["name"],
        spec.get("priorityLevelConfiguration", {}).get("name", ""),
        spec.get("matchingPrecedence", 0),
        (spec.get("distinguisherMethod") or {}).get("type", NONE),
        age(obj, now),
        dangling,
    ]


def _precedence(obj: Object) -> tuple[int, str]:
    return obj.get("spec", {}).get("matchingPrecedence", 0), obj["metadata"]["name"]


def _priority_level(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec", {})
    limited = spec.get("limited") or {}
    queuing = (limited.get("limitResponse") or {}).get("queuing") or {}
    return [
        obj["metadata"]["name"],
        spec.get("type", ""),
        limited.get("nominalConcurrencyShares", NONE),
        queuing.get("queues", NONE),
        queuing.get("handSize", NONE),
        queuing.get("queueLengthLimit", NONE),
        age(obj, now),
    ]


_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
_FLOW = "flowcontrol.apiserver.k8s.io"
_BINDING = Printer(
    (NAME, Column("Role"), AGE, wide("Users"), wide("Groups"), wide("ServiceAccounts")), _binding
)
_WEBHOOKS = Printer((NAME, number("Webhooks"), AGE), _webhooks)
_POLICY_BINDING = Printer((NAME, Column("PolicyName"), Column("ParamRef"), AGE), _policy_binding)

PRINTERS = {
    (_RBAC, "RoleBinding"): _BINDING,
    (_RBAC, "ClusterRoleBinding"): _BINDING,
    (_ADMISSION, "MutatingWebhookConfiguration"): _WEBHOOKS,
    (_ADMISSION, "ValidatingWebhookConfiguration"): _WEBHOOKS,
    (_ADMISSION, "ValidatingAdmissionPolicy"): Printer(
        (NAME, number("Validations"), Column("ParamKind"), AGE), _validating_policy
    ),
    (_ADMISSION, "MutatingAdmissionPolicy"): Printer(
        (NAME, number("Mutations"), Column("ParamKind"), AGE), _mutating_policy
    ),
    (_ADMISSION, "ValidatingAdmissionPolicyBinding"): _POLICY_BINDING,
    (_ADMISSION, "MutatingAdmissionPolicyBinding"): _POLICY_BINDING,
    (_FLOW, "FlowSchema"): Printer(
        (
            NAME,
            Column("PriorityLevel"),
            Column("MatchingPrecedence"),
            Column("DistinguisherMethod"),
            AGE,
            Column("MissingPL"),
        ),
        _flow_schema,
        _precedence,
    ),
    (_FLOW, "PriorityLevelConfiguration"): Printer(
        (
            NAME,
            Column("Type"),
            Column("NominalConcurrencyShares"),
            Column("Queues"),
            Column("HandSize"),
            Column("QueueLengthLimit"),
            AGE,
        ),
        _priority_level,
    ),
}
