"""What a default role or binding still lacks. Additive: nothing that was added is taken away.

https://kubernetes.io/docs/reference/access-authn-authz/rbac/#auto-reconciliation
"""

from __future__ import annotations

from grappe.api import Object
from grappe.apiserver.auth.rbac.default_roles import AUTO_UPDATE
from grappe.apiserver.auth.rbac.escalation import compact, uncovered
from grappe.apiserver.auth.rbac.rules import compile_rules


def completed(live: Object, wanted: Object) -> Object | None:
    """`live` with what `wanted` has more; None when nothing is missing, or when the live object
    asks to be left alone (annotation `rbac.authorization.kubernetes.io/autoupdate: "false"`)."""
    metadata = live["metadata"]
    if (metadata.get("annotations") or {}).get(AUTO_UPDATE) == "false":
        return None
    found = {**live, "metadata": dict(metadata)}
    for part in ("labels", "annotations"):
        both = (wanted["metadata"].get(part) or {}) | (metadata.get(part) or {})
        if both != (metadata.get(part) or {}):
            found["metadata"][part] = both
    if "roleRef" in wanted:
        _extend(found, "subjects", wanted.get("subjects") or ())
        if live.get("roleRef") != wanted["roleRef"]:
            found["roleRef"] = wanted["roleRef"]
    elif "aggregationRule" in wanted:
        rule = dict(live.get("aggregationRule") or {})
        _extend(rule, "clusterRoleSelectors", wanted["aggregationRule"]["clusterRoleSelectors"])
        found["aggregationRule"] = rule
    else:
        found.pop("aggregationRule", None)
        if live.get("rules") != wanted["rules"]:  # most are as they were made
            missing = uncovered(compile_rules(live.get("rules")), compile_rules(wanted["rules"]))
            _extend(found, "rules", [rule.to_object() for rule in compact(missing)])
    return None if found == live else found


def _extend(obj: Object, field: str, wanted: list[Object] | tuple[()]) -> None:
    """Add what a list lacks."""
    have = obj.get(field) or []
    missing = [each for each in wanted if each not in have]
    if missing:
        obj[field] = [*have, *missing]
