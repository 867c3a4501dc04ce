"""Which pods must go so that a more important one fits: a pure function.

Rule: https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
PodDisruptionBudgets are respected in choosing a node, as there, only as far as `protected` says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from grappe.scheduler.decide import Rejected, summary
from grappe.scheduler.filters import Filters
from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pods import PodInfo

_NOT_HELPFUL = "Preemption is not helpful for scheduling"
_NO_VICTIMS = "No preemption victims found for incoming pod"


@dataclass(frozen=True, slots=True)
class Preemption:
    """Delete `victims`, then `pod` fits on `node`."""

    node: str
    victims: tuple[PodInfo, ...]


@dataclass(frozen=True, slots=True)
class NoPreemption:
    """Why nothing is deleted; `message` completes that of the rejection."""

    message: str


def _fits(pod: PodInfo, snapshot: Snapshot, node: NodeInfo) -> bool:
    return Filters.prepare(pod, snapshot.replacing(node)).first_rejection(node) is None


def _importance(pod: PodInfo) -> tuple[int, str]:
    """Sorts the more important first: higher priority, then older."""
    return (-pod.priority, pod.created)


def _victims(pod: PodInfo, snapshot: Snapshot, node: NodeInfo) -> tuple[PodInfo, ...] | None:
    """The least that must go from one node; None when it does not fit however many go."""
    lower = sorted((p for p in node.pods.values() if p.priority < pod.priority), key=_importance)
    if not lower:
        return None
    emptied = node.without(p.uid for p in lower)
    if not _fits(pod, snapshot, emptied):
        return None
    victims = []
    for candidate in lower:
        spared = emptied.with_pod(candidate)
        if _fits(pod, snapshot, spared):
            emptied = spared
        else:
            victims.append(candidate)
    return tuple(victims) or None


def _harm(
    protected: Collection[str], victims: Iterable[PodInfo], node: str
) -> tuple[int, int, int, int, str]:
    found = list(victims)
    return (
        sum(p.uid in protected for p in found),
        max(p.priority for p in found),
        sum(p.priority for p in found),
        len(found),
        node,
    )


def preempt(
    pod: PodInfo, snapshot: Snapshot, rejected: Rejected, protected: Collection[str] = ()
) -> Preemption | NoPreemption:
    """Choose the node where the least important pods go. `protected`: uids of pods whose
    disruption budget is used up."""
    if not pod.may_preempt:
        return NoPreemption("not eligible due to preemptionPolicy=Never.")
    here = next((n for n in snapshot.nodes if n.name == pod.nominated_node), None)
    if here and any(p.terminating and p.priority < pod.priority for p in here.pods.values()):
        return NoPreemption("not eligible due to a terminating pod on the nominated node.")
    choices: list[Preemption] = []
    for node in snapshot.nodes:
        rejection = rejected.nodes.get(node.name)
        if rejection is None or rejection.final:
            continue
        victims = _victims(pod, snapshot, node)
        if victims:
            choices.append(Preemption(node.name, victims))
    if choices:
        return min(choices, key=lambda c: _harm(protected, c.victims, c.node))
    reasons = [(_NOT_HELPFUL,) if r.final else (_NO_VICTIMS,) for r in rejected.nodes.values()]
    return NoPreemption(summary(len(rejected.nodes), reasons))
