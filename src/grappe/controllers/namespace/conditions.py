"""What a namespace says while it is being deleted, in Kubernetes' reasons and messages. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from grappe.api import Object
from grappe.reconcile.conditions import with_condition


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the deletion is. `remaining` and `finalizers` count objects by resource
    (`pods.`, `deployments.apps`) and by finalizer; the others are error messages."""

    remaining: Mapping[str, int] = field(default_factory=dict)
    finalizers: Mapping[str, int] = field(default_factory=dict)
    discovery_errors: Sequence[str] = ()
    deletion_errors: Sequence[str] = ()

    @property
    def is_empty(self) -> bool:
        """Nothing is left and nothing is unknown."""
        return not self.remaining and not self.discovery_errors and not self.deletion_errors


def count(resource: str, objects: Sequence[Object]) -> tuple[dict[str, int], Counter[str]]:
    """What is left of one resource, and which finalizers hold it."""
    held = Counter(f for o in objects for f in o["metadata"].get("finalizers") or ())
    return ({resource: len(objects)} if objects else {}), held


def _told(counts: Mapping[str, int], verb: str) -> str:
    return ", ".join(f"{name} {verb} {n} resource instances" for name, n in sorted(counts.items()))


def conditions(old: Sequence[Object] | None, progress: Progress, now: float) -> list[Object]:
    """The five conditions of a terminating namespace."""
    remaining = f"Some resources are remaining: {_told(progress.remaining, 'has')}"
    held = (
        "Some content in the namespace has finalizers remaining: "
        f"{_told(progress.finalizers, 'in')}"
    )
    wanted = (
        (
            "NamespaceDeletionDiscoveryFailure",
            "Discovery failed for some groups, " + ", ".join(progress.discovery_errors)
            if progress.discovery_errors
            else "",
            "DiscoveryFailed",
            "ResourcesDiscovered",
            "All resources successfully discovered",
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            "",
            "GroupVersionParsingFailed",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        (
            "NamespaceDeletionContentFailure",
            "Failed to delete all resource types, "
            f"{len(progress.deletion_errors)} remaining: " + ", ".join(progress.deletion_errors)
            if progress.deletion_errors
            else "",
            "ContentDeletionFailed",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        (
            "NamespaceContentRemaining",
            remaining if progress.remaining else "",
            "SomeResourcesRemain",
            "ContentRemoved",
            "All content successfully removed",
        ),
        (
            "NamespaceFinalizersRemaining",
            held if progress.finalizers else "",
            "SomeFinalizersRemain",
            "ContentHasNoFinalizers",
            "All content-preserving finalizers finished",
        ),
    )
    found = [*(old or ())]
    for kind, problem, bad, good, fine in wanted:
        condition = {
            "type": kind,
            "status": "True" if problem else "False",
            "reason": bad if problem else good,
            "message": problem or fine,
        }
        found = with_condition(found, condition, now)
    return found
