"""Defaults of Namespace, Node, Secret and LimitRange."""

from __future__ import annotations

import base64

from grappe.api import Object
from grappe.api.defaults.fields import fill_empty, objects, part


def _namespace(obj: Object) -> None:
    """Every namespace carries its name as a label, so that selectors can name it."""
    metadata = part(obj, "metadata")
    if metadata.get("name"):
        part(metadata, "labels")["kubernetes.io/metadata.name"] = metadata["name"]


def _node(obj: Object) -> None:
    status = obj.get("status") or {}
    if status.get("capacity") and not status.get("allocatable"):
        status["allocatable"] = dict(status["capacity"])
    spec = obj.get("spec") or {}
    if spec.get("podCIDR") and not spec.get("podCIDRs"):
        spec["podCIDRs"] = [spec["podCIDR"]]
    elif spec.get("podCIDRs") and not spec.get("podCIDR"):
        spec["podCIDR"] = spec["podCIDRs"][0]


def _secret(obj: Object) -> None:
    """`stringData` is for writing only: it ends up, encoded, in `data`."""
    fill_empty(obj, "type", "Opaque")
    text = obj.pop("stringData", None)
    if text:
        data = part(obj, "data")
        for key, value in text.items():
            data[key] = base64.b64encode(value.encode()).decode()


def _limit_range(obj: Object) -> None:
    """For containers, limits default to the maximum and requests to limits, then to the
    minimum."""
    for item in objects(obj.get("spec") or {}, "limits"):
        if item.get("type") != "Container":
            continue
        default = {**(item.get("max") or {}), **(item.get("default") or {})}
        request = {**(item.get("min") or {}), **default, **(item.get("defaultRequest") or {})}
        if default:
            item["default"] = default
        if request:
            item["defaultRequest"] = request


DEFAULTS = {
    "LimitRange": _limit_range,
    "Namespace": _namespace,
    "Node": _node,
    "Secret": _secret,
}
