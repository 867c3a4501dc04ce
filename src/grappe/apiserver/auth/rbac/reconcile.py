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
    if "aggregationRule" in wanted:
        found["aggregationRule"] = live.get("aggregationRule") or wanted["aggregationRule"]
    elif "rules" in wanted:
        missing = uncovered(compile_rules(live.get("rules")), compile_rules(wanted["rules"]))
        if missing:
            more = [rule.to_object() for rule in compact(missing)]
            found["rules"] = [*(live.get("rules") or ()), *more]
    if "subjects" in wanted:
        have = live.get("subjects") or []
        missing_subjects = [subject for subject in wanted["subjects"] if subject not in have]
        if missing_subjects:
            found["subjects"] = [*have, *missing_subjects]
    return None if found == live else found
