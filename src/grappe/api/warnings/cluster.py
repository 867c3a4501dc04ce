"""Nodes, runtime classes, service accounts."""

from __future__ import annotations

from collections.abc import Iterator

from grappe.api import Object
from grappe.api.warnings.labels import DEPRECATED

_MOUNTABLE = "kubernetes.io/enforce-mountable-secrets"


def node(obj: Object) -> Iterator[str]:
    spec = obj.get("spec") or {}
    if spec.get("configSource") is not None:
        yield "spec.configSource: deprecated in v1.22, support removal is planned in v1.23"
    if spec.get("externalID"):
        yield "spec.externalID: this field is deprecated, and is unused by Kubernetes"


def runtime_class(obj: Object) -> Iterator[str]:
    for key in (obj.get("scheduling") or {}).get("nodeSelector") or ():
        if key in DEPRECATED:
            yield f"scheduling.nodeSelector: {DEPRECATED[key]}"


def service_account(obj: Object) -> Iterator[str]:
    if _MOUNTABLE in (obj["metadata"].get("annotations") or ()):
        yield (
            f"metadata.annotations[{_MOUNTABLE}]: deprecated in v1.32+; prefer separate "
            "namespaces to isolate access to mounted secrets"
        )
