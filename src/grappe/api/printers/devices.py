"""Dynamic resource allocation: classes of devices, claims to them, what nodes offer."""

from __future__ import annotations

from typing import Any

from grappe.api import Object
from grappe.api.printers.column import AGE, NAME, Column, Printer, age


def _name(obj: Object, now: float) -> list[Any]:
    return [obj["metadata"]["name"], age(obj, now)]


def _claim(obj: Object, now: float) -> list[Any]:
    return [obj["metadata"]["name"], ",".join(_states(obj)), age(obj, now)]


def _states(claim: Object) -> list[str]:
    status = claim.get("status") or {}
    deleted = bool(claim["metadata"].get("deletionTimestamp"))
    if not status.get("allocation"):
        return ["deleted"] if deleted else ["pending"]
    states = ["deleted"] if deleted else []
    states.append("allocated")
    return [*states, "reserved"] if status.get("reservedFor") else states


def _slice(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec") or {}
    pool = spec.get("pool") or {}
    return [
        obj["metadata"]["name"],
        spec.get("nodeName", ""),
        spec.get("driver", ""),
        pool.get("name", ""),
        age(obj, now),
    ]


_GROUP = "resource.k8s.io"

PRINTERS = {
    (_GROUP, "DeviceClass"): Printer((NAME, AGE), _name),
    (_GROUP, "ResourceClaim"): Printer((NAME, Column("State"), AGE), _claim),
    (_GROUP, "ResourceClaimTemplate"): Printer((NAME, AGE), _name),
    (_GROUP, "ResourceSlice"): Printer(
        (NAME, Column("Node"), Column("Driver"), Column("Pool"), AGE), _slice
    ),
}
