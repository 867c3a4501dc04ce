"""`matchLabelKeys` and `mismatchLabelKeys` of a new pod, which become part of its selectors.

What they select follows from the labels the pod was created with, whatever becomes of those
(https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#matchlabelkeys and
…/topology-spread-constraints/#spread-constraint-definition).
"""

from __future__ import annotations

from grappe.api import Object

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def merge_label_keys(pod: Object) -> None:
    """Add the expressions that the keys stand for, in place."""
    spec = pod.get("spec") or {}
    affinity, spread = spec.get("affinity"), spec.get("topologySpreadConstraints")
    if not affinity and not spread:
        return
    labels = pod["metadata"].get("labels") or {}
    for constraint in spread or ():
        _merge(constraint, labels)
    for part in ("podAffinity", "podAntiAffinity"):
        found = (affinity or {}).get(part) or {}
        for term in found.get(_REQUIRED) or ():
            _merge(term, labels)
        for weighted in found.get(_PREFERRED) or ():
            _merge(weighted.get("podAffinityTerm") or {}, labels)


def _merge(term: Object, labels: Object) -> None:
    """Without a selector nothing is selected, and stays so."""
    selector = term.get("labelSelector")
    if selector is None:
        return
    added = [
        {"key": key, "operator": operator, "values": [labels[key]]}
        for field, operator in (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn"))
        for key in term.get(field) or ()
        if key in labels
    ]
    if added:
        had = selector.get("matchExpressions") or ()
        term["labelSelector"] = {**selector, "matchExpressions": [*had, *added]}
