"""Events of `events.k8s.io/v1` and of the core group: the same fields by other names."""

from __future__ import annotations

from collections.abc import Mapping

from grappe.api import Object

_CORE_NAMES = {
    "note": "message",
    "regarding": "involvedObject",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_NEW_NAMES = {core: new for new, core in _CORE_NAMES.items()}


def to_core(event: Object) -> Object:
    return _renamed(event, _CORE_NAMES, "v1")


def from_core(event: Object) -> Object:
    return _renamed(event, _NEW_NAMES, "events.k8s.io/v1")


def _renamed(obj: Object, names: Mapping[str, str], api_version: str) -> Object:
    return {**{names.get(k, k): v for k, v in obj.items()}, "apiVersion": api_version}
