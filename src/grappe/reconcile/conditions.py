"""Conditions in an object's status, as pure functions.

https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties
"""

from __future__ import annotations

from collections.abc import Sequence

from grappe.api import Object
from grappe.base.clock import rfc3339


def find(obj: Object, condition_type: str) -> Object | None:
    """The condition of that type in `obj.status.conditions`."""
    for condition in (obj.get("status") or {}).get("conditions") or ():
        if condition.get("type") == condition_type:
            found: Object = condition
            return found
    return None


def is_true(obj: Object, condition_type: str) -> bool:
    """Whether the condition is there and its status is `True` (not `False`, not `Unknown`)."""
    condition = find(obj, condition_type)
    return condition is not None and condition.get("status") == "True"


def with_condition(conditions: Sequence[Object] | None, wanted: Object, now: float) -> list[Object]:
    """The conditions with `wanted` (type, status, reason, message, …) in its place.

    `lastTransitionTime` is `now` when the status changes, and else what it was. Nothing given is
    changed; when `wanted` already holds the result equals the input.
    """
    result = [*(conditions or ())]
    for index, present in enumerate(result):
        if present.get("type") == wanted["type"]:
            same = present.get("status") == wanted["status"]
            since = present.get("lastTransitionTime") if same else None
            result[index] = {**wanted, "lastTransitionTime": since or rfc3339(now)}
            return result
    return [*result, {**wanted, "lastTransitionTime": rfc3339(now)}]


def without_condition(conditions: Sequence[Object] | None, condition_type: str) -> list[Object]:
    """The conditions of every other type."""
    return [c for c in conditions or () if c.get("type") != condition_type]
