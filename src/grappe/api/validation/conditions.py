"""Conditions of the common form (`metav1.Condition`) in a status.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/ ; older kinds, whose
conditions have types of their own, are not held to it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from grappe.api import Object
from grappe.api.causes import duplicate, invalid, not_supported, required, too_long
from grappe.api.names import regex_problem
from grappe.api.validation.rules import Causes, qualified

_STATUSES = ("False", "True", "Unknown")
_REASON_MAX, _MESSAGE_MAX = 1024, 32 * 1024
_REASON = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"
_REASON_RULE = regex_problem(
    "a condition reason must start with alphabetic character, optionally followed by a string of "
    "alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'",
    _REASON,
    "my_name",
    "MY_NAME",
    "MyName",
    "ReasonA,ReasonB",
    "ReasonA:ReasonB",
)
_is_reason = re.compile(_REASON, re.ASCII).fullmatch


def conditions(found: Sequence[Object], at: str) -> Causes:
    """Each type once, with a status, a reason and a time."""
    seen: set[str] = set()
    for i, condition in enumerate(found):
        where, kind = f"{at}[{i}]", condition.get("type") or ""
        if kind in seen:
            yield duplicate(f"{where}.type", kind)
        seen.add(kind)
        yield from qualified(kind, f"{where}.type")
        status = condition.get("status") or ""
        if status not in _STATUSES:
            yield not_supported(f"{where}.status", status, _STATUSES)
        generation = condition.get("observedGeneration") or 0
        if generation < 0:
            detail = "must be greater than or equal to zero"
            yield invalid(f"{where}.observedGeneration", generation, detail)
        if not condition.get("lastTransitionTime"):
            yield required(f"{where}.lastTransitionTime")
        yield from _reason(condition.get("reason") or "", f"{where}.reason")
        if len((condition.get("message") or "").encode()) > _MESSAGE_MAX:
            yield too_long(f"{where}.message", _MESSAGE_MAX)


def _reason(reason: str, at: str) -> Causes:
    if not reason:
        yield required(at)
        return
    if not _is_reason(reason):
        yield invalid(at, reason, _REASON_RULE)
    if len(reason.encode()) > _REASON_MAX:
        yield too_long(at, _REASON_MAX)
