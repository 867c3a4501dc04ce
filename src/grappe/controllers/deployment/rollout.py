"""A Deployment's ReplicaSets: which is the newest, what they are called, what they carry.

Pure. Rules: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#pod-template-hash-label
and the annotations `deployment.kubernetes.io/…` that kubectl's `rollout` commands read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from grappe.api import Object
from grappe.controllers.templates import HASH_LABEL, comparable, template_hash
from grappe.reconcile.owners import owner_reference

REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"

_OWN_ANNOTATIONS = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        REVISION_HISTORY,
        DESIRED,
        MAXIMUM,
        "deprecated.deployment.rollback.to",
    }
)
"""Not copied between a Deployment and its ReplicaSets."""


def creation_order(rs: Object) -> tuple[str, str]:
    """Sorts the oldest first; of those made in one second, by name."""
    meta = rs["metadata"]
    return (meta.get("creationTimestamp") or "", meta["name"])


def newest(deployment: Object, replicasets: Iterable[Object]) -> Object | None:
    """The ReplicaSet with the Deployment's template; the oldest when several have it."""
    wanted = comparable(deployment["spec"]["template"])
    for rs in sorted(replicasets, key=creation_order):
        if comparable(rs["spec"]["template"]) == wanted:
            return rs
    return None


def annotations_of(obj: Object) -> Mapping[str, str]:
    return obj["metadata"].get("annotations") or {}


def revision(obj: Object) -> int:
    """The revision of a Deployment or ReplicaSet; 0 when it has none."""
    try:
        return int(annotations_of(obj).get(REVISION, "0"))
    except ValueError:
        return 0


def replicas(obj: Object) -> int:
    """`spec.replicas`, 1 when it is not stated."""
    stated = obj["spec"].get("replicas")
    return 1 if stated is None else int(stated)


def count(obj: Object, field: str) -> int:
    """A number in the status, 0 when it is not there."""
    return int((obj.get("status") or {}).get(field) or 0)


def total(replicasets: Iterable[Object]) -> int:
    """The sum of `spec.replicas`."""
    return sum(map(replicas, replicasets))


def wanted_annotations(deployment: Object, rs: Object | None, number: int) -> dict[str, str]:
    """What the newest ReplicaSet carries: the Deployment's own annotations and its revision."""
    known = dict(annotations_of(rs)) if rs is not None else {}
    for key, value in annotations_of(deployment).items():
        if key not in _OWN_ANNOTATIONS:
            known[key] = value
    before = known.get(REVISION, "")
    try:
        present = int(before or 0)
    except ValueError:
        return known  # written by somebody else: left alone, as kube-controller-manager does
    if present < number:
        known[REVISION] = str(number)
        if before:
            history = [r for r in known.get(REVISION_HISTORY, "").split(",") if r]
            if before not in history:
                known[REVISION_HISTORY] = ",".join([*history, before])
    return known


def size_annotations(desired: int, surge: int) -> dict[str, str]:
    """What a ReplicaSet remembers of the size it was scaled for."""
    return {DESIRED: str(desired), MAXIMUM: str(desired + surge)}


def new_replicaset(
    deployment: Object, size: int, annotations: Mapping[str, str], collisions: int
) -> Object:
    """The ReplicaSet for the Deployment's present template."""
    meta, spec = deployment["metadata"], deployment["spec"]
    digest = template_hash(spec["template"], collisions)
    template_meta = dict(spec["template"].get("metadata") or {})
    labels = {**(template_meta.get("labels") or {}), HASH_LABEL: digest}
    selector = dict(spec["selector"])
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH_LABEL: digest}
    made: Object = {
        "replicas": size,
        "selector": selector,
        "template": {**spec["template"], "metadata": {**template_meta, "labels": labels}},
    }
    if spec.get("minReadySeconds"):
        made["minReadySeconds"] = spec["minReadySeconds"]
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{meta['name']}-{digest}",
            "namespace": meta["namespace"],
            "labels": labels,
            "annotations": dict(annotations),
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": made,
    }


def removable(deployment: Object, old: Sequence[Object]) -> list[Object]:
    """Old ReplicaSets beyond `revisionHistoryLimit`, the oldest revisions first. One that still
    has pods, or whose controller has not caught up with it, stays."""
    limit = deployment["spec"].get("revisionHistoryLimit")
    if limit is None:
        return []
    alive = [rs for rs in old if not rs["metadata"].get("deletionTimestamp")]
    surplus = len(alive) - int(limit)
    if surplus <= 0:
        return []
    oldest = sorted(alive, key=lambda rs: (revision(rs), creation_order(rs)))[:surplus]
    return [
        rs
        for rs in oldest
        if not replicas(rs)
        and not count(rs, "replicas")
        and count(rs, "observedGeneration") >= int(rs["metadata"].get("generation") or 0)
    ]
