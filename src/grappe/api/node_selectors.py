"""Which nodes `nodeSelector` and `nodeAffinity` choose.

Rule: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/
"""

from __future__ import annotations

from collections.abc import Mapping

from grappe.api import Object


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


def term_matches(term: Object, name: str, labels: Mapping[str, str]) -> bool:
    """Whether a node of that name and those labels meets every requirement of a term; an empty
    term matches nothing."""
    expressions = term.get("matchExpressions") or ()
    fields = term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    named = {"metadata.name": name}
    return all(_requirement(r, labels) for r in expressions) and all(
        _requirement(r, named) for r in fields
    )


def required_terms(affinity: Object) -> list[Object] | None:
    """The terms of a pod's `affinity` one of which a node must match; None when none are
    stated."""
    stated = (affinity.get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    return None if stated is None else list(stated.get("nodeSelectorTerms") or ())


def chosen(
    node_selector: Mapping[str, str], affinity: Object, name: str, labels: Mapping[str, str]
) -> bool:
    """Whether a node meets a pod's `nodeSelector` and required node affinity."""
    if any(labels.get(key) != value for key, value in node_selector.items()):
        return False
    terms = required_terms(affinity)
    return terms is None or any(term_matches(term, name, labels) for term in terms)
