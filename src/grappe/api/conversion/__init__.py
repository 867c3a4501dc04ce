"""Between the versions of one kind: how an object of one is stored as, and read from, another.

Only two built-in kinds have versions that differ in more than `apiVersion`: events (core and
events.k8s.io) and HorizontalPodAutoscaler (v1 and v2). Converting there and back loses nothing.
Never changes what it is given; results may share parts with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from grappe.api import Object
from grappe.api.conversion import autoscaling, events

Convert: TypeAlias = Callable[[Object], Object]


class Conversion(NamedTuple):
    """How one version is stored: `storage_version` is the `apiVersion` of what is stored."""

    storage_version: str
    to_storage: Convert
    from_storage: Convert


_CONVERSIONS = {
    ("events.k8s.io/v1", "Event"): Conversion("v1", events.to_core, events.from_core),
    ("autoscaling/v1", "HorizontalPodAutoscaler"): Conversion(
        "autoscaling/v2", autoscaling.to_v2, autoscaling.to_v1
    ),
}


def conversion(api_version: str, kind: str) -> Conversion | None:
    """How objects of this version are stored; None when they are stored as they are."""
    return _CONVERSIONS.get((api_version, kind))
