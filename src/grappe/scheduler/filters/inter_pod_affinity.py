"""Required `podAffinity` and `podAntiAffinity`, the pod's own and those of pods already placed."""

from __future__ import annotations

from grappe.scheduler.filters.rejection import Check, Rejection
from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pod_terms import Domain, Term, required_terms
from grappe.scheduler.pods import PodInfo

_AFFINITY = Rejection(("node(s) didn't match pod affinity rules",), final=True)
_ANTI_AFFINITY = Rejection(("node(s) didn't match pod anti-affinity rules",), final=False)
_EXISTING = Rejection(("node(s) didn't satisfy existing pods anti-affinity rules",), final=False)


def _held(terms: list[Term], snapshot: Snapshot) -> list[set[Domain]]:
    """For each term, the domains in which a pod it is about runs."""
    held: list[set[Domain]] = [set() for _ in terms]
    for node in snapshot.nodes:
        for number, term in enumerate(terms):
            value = node.labels.get(term.topology_key)
            if value is None or (term.topology_key, value) in held[number]:
                continue
            if any(term.matches(other, snapshot.namespaces) for other in node.pods.values()):
                held[number].add((term.topology_key, value))
    return held


def _unwelcome(pod: PodInfo, snapshot: Snapshot) -> set[Domain]:
    """Domains in which a placed pod wants no pod like this one."""
    found: set[Domain] = set()
    for node in snapshot.nodes:
        for other in node.with_affinity:
            for term in required_terms(other, "podAntiAffinity"):
                value = node.labels.get(term.topology_key)
                if value is not None and term.matches(pod, snapshot.namespaces):
                    found.add((term.topology_key, value))
    return found


def prepare(pod: PodInfo, snapshot: Snapshot) -> Check | None:
    wanted = required_terms(pod, "podAffinity")
    unwanted = required_terms(pod, "podAntiAffinity")
    unwelcome = _unwelcome(pod, snapshot)
    if not wanted and not unwanted and not unwelcome:
        return None
    near = _held(wanted, snapshot)
    far = _held(unwanted, snapshot)
    # The first of a group whose pods want to be together has nobody to join.
    first = not any(near) and all(t.matches(pod, snapshot.namespaces) for t in wanted)

    def check(node: NodeInfo) -> Rejection | None:
        for term, domains in zip(wanted, near, strict=True):
            value = node.labels.get(term.topology_key)
            if value is None or (not first and (term.topology_key, value) not in domains):
                return _AFFINITY
        for term, domains in zip(unwanted, far, strict=True):
            if (term.topology_key, node.labels.get(term.topology_key)) in domains:
                return _ANTI_AFFINITY
        if any(node.labels.get(key) == value for key, value in unwelcome):
            return _EXISTING
        return None

    return check
