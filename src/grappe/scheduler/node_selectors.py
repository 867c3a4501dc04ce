"""Node selector terms: `nodeSelector` and `nodeAffinity`.

Rule: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/
"""

from __future__ import annotations

from collections.abc import Mapping

from grappe.api import Object
from grappe.scheduler.nodes import NodeInfo
from grappe.scheduler.pods import PodInfo


def _compare(found: str, values: list[str], *, greater: bool) -> bool:
    try:
        mine, theirs = int(found), int(values[0])
    except (ValueError, IndexError):
        return False
    return mine > theirs if greater else mine < theirs


def _requirement(requirement: Object, values: Mapping[str, str]) -> bool:
    found = values.get(requirement["key"])
    wanted = requirement.get("values") or []
    match requirement.get("operator"):
        case "In":
            return found is not None and found in wanted
        case "NotIn":
            return found is None or found not in wanted
        case "Exists":
            return found is not None
        case "DoesNotExist":
            return found is None
        case "Gt":
            return found is not None and _compare(found, wanted, greater=True)
        case "Lt":
            return found is not None and _compare(found, wanted, greater=False)
    return False


def term_matches(term: Object, node: NodeInfo) -> bool:
    """Whether a node meets every requirement of a term; an empty term matches nothing."""
    expressions = term.get("matchExpressions") or ()
    fields = term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    named = {"metadata.name": node.name}
    return all(_requirement(r, node.labels) for r in expressions) and all(
        _requirement(r, named) for r in fields
    )


def required_terms(pod: PodInfo) -> list[Object] | None:
    """The terms one of which a node must match; None when the pod states none."""
    stated = (pod.affinity.get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    return None if stated is None else list(stated.get("nodeSelectorTerms") or ())


def node_matches(pod: PodInfo, node: NodeInfo) -> bool:
    """Whether a node meets the pod's `nodeSelector` and required node affinity."""
    labels = node.labels
    for key, value in pod.node_selector.items():
        if labels.get(key) != value:
            return False
    terms = required_terms(pod)
    return terms is None or any(term_matches(term, node) for term in terms)
