"""Which taints a pod tolerates.

Rule: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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


def merged(first: Sequence[Object], second: Sequence[Object]) -> list[Object]:
    """Both, without those that tolerate nothing another does not; of equal ones the first."""
    every = [*first, *second]
    found: list[Object] = []
    for number, one in enumerate(every, 1):
        if any(covers(kept, one) for kept in found):
            continue
        if not any(one != later and covers(later, one) for later in every[number:]):
            found.append(one)
    return found


def covers(whole: Object, part: Object) -> bool:
    """Whether `whole` tolerates everything that `part` does."""
    if whole == part:
        return True
    operator = whole.get("operator") or "Equal"
    key, effect = whole.get("key") or "", whole.get("effect") or ""
    if key != (part.get("key") or "") and (key or operator != "Exists"):
        return False
    if effect and effect != (part.get("effect") or ""):
        return False
    limit = whole.get("tolerationSeconds")
    if effect == "NoExecute" and limit is not None:
        asked = part.get("tolerationSeconds")
        if asked is None or asked > limit:
            return False
    if operator == "Equal":
        same = (part.get("value") or "") == (whole.get("value") or "")
        return same and part.get("operator") == "Equal"
    return bool(operator == "Exists")
