"""Defaults of admission webhooks and admission policies."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.defaults.fields import fill, objects, part


def default_service_reference(client: Object) -> None:
    """`clientConfig.service.port`."""
    if isinstance(client.get("service"), dict):
        fill(client["service"], {"port": 443})


def _webhooks(obj: Object) -> None:
    for webhook in objects(obj, "webhooks"):
        fill(
            webhook,
            {
                "failurePolicy": "Fail",
                "matchPolicy": "Equivalent",
                "namespaceSelector": {},
                "objectSelector": {},
                "timeoutSeconds": 10,
            },
        )
        if obj.get("kind") == "MutatingWebhookConfiguration":
            fill(webhook, {"reinvocationPolicy": "Never"})
        default_service_reference(webhook.get("clientConfig") or {})
        for rule in objects(webhook, "rules"):
            fill(rule, {"scope": "*"})


def _match(resources: Object) -> None:
    fill(resources, {"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}})
    for kind in ("resourceRules", "excludeResourceRules"):
        for rule in objects(resources, kind):
            fill(rule, {"scope": "*"})


def _policy(obj: Object) -> None:
    spec = part(obj, "spec")
    fill(spec, {"failurePolicy": "Fail"})
    if isinstance(spec.get("matchConstraints"), dict):
        _match(spec["matchConstraints"])


def _policy_binding(obj: Object) -> None:
    spec = part(obj, "spec")
    if isinstance(spec.get("matchResources"), dict):
        _match(spec["matchResources"])


DEFAULTS = {
    "MutatingAdmissionPolicy": _policy,
    "MutatingAdmissionPolicyBinding": _policy_binding,
    "MutatingWebhookConfiguration": _webhooks,
    "ValidatingAdmissionPolicy": _policy,
    "ValidatingAdmissionPolicyBinding": _policy_binding,
    "ValidatingWebhookConfiguration": _webhooks,
}
