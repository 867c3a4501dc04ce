"""Living together with client-side apply and its last-applied annotation.

`kubectl apply --server-side` may take over what `kubectl apply` wrote, and keeps the annotation
up to date so that one may go back (KEP-2155).
"""

from __future__ import annotations

from typing import Any

import orjson

from grappe.api import Object
from grappe.api.apply.compare import compare
from grappe.api.apply.field_set import FieldSet, difference
from grappe.api.apply.ownership import applied, without_unowned
from grappe.api.schema.node import Node

ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
MANAGER = "kubectl"


def last_applied(live: Object) -> Object | None:
    """What `kubectl apply` applied last; None when the annotation is missing or damaged."""
    annotations = live["metadata"].get("annotations")
    text = annotations.get(ANNOTATION) if isinstance(annotations, dict) else None
    if not text:
        return None
    try:
        found: Any = orjson.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def taken_over(root: Node, live: Object, api_version: str) -> FieldSet | None:
    """Fields that were applied client-side and still have that value: no conflict for kubectl.
    What was applied in another version says nothing of this one's fields."""
    former = last_applied(live)
    if former is None or former.get("apiVersion") != api_version:
        return None
    former.setdefault("metadata", {})
    if not isinstance(former["metadata"], dict):
        return None
    written, removed = compare(root, former, live)
    fields = without_unowned(applied(root)(former))
    return difference(difference(fields, written), removed)


def refresh(obj: Object, configuration: Object) -> None:
    """Bring the annotation of `obj` up to date with what was applied now, in place."""
    kept = {
        **configuration,
        "metadata": {k: v for k, v in configuration["metadata"].items() if k != "managedFields"},
    }
    annotations = dict(obj["metadata"].get("annotations") or {})
    own = dict(kept["metadata"].get("annotations") or {})
    own.pop(ANNOTATION, None)
    if "annotations" in kept["metadata"]:
        kept["metadata"]["annotations"] = own
    text = orjson.dumps(kept, option=orjson.OPT_SORT_KEYS).decode() + "\n"
    annotations[ANNOTATION] = text
    obj["metadata"] = {**obj["metadata"], "annotations": annotations}
