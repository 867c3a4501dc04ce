"""Which taints a pod tolerates.

Rule: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
"""

from __future__ import annotations

from collections.abc import Iterable

from grappe.api import Object


def tolerates(toleration: Object, taint: Object) -> bool:
    """Whether one toleration matches the taint."""
    effect = toleration.get("effect")
    if effect and effect != taint.get("effect"):
        return False
    key = toleration.get("key")
    if key and key != taint.get("key"):
        return False
    operator = toleration.get("operator") or "Equal"
    if operator == "Exists":
        return True
    mine, theirs = toleration.get("value") or "", taint.get("value") or ""
    if operator == "Equal":
        return bool(key) and mine == theirs
    if operator in ("Gt", "Lt"):
        try:
            return int(theirs) > int(mine) if operator == "Gt" else int(theirs) < int(mine)
        except ValueError:
            return False
    return False


def tolerated(tolerations: Iterable[Object], taint: Object) -> bool:
    """Whether one of the tolerations matches the taint."""
    return any(tolerates(t, taint) for t in tolerations)
