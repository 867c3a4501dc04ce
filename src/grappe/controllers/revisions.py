"""ControllerRevisions: the pod templates a StatefulSet or DaemonSet has had, by number. Pure.

`kubectl rollout history` and `undo` read them: `data` is a patch that brings the template back.
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/controller-revision-v1/
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import orjson

from grappe.api import Object
from grappe.controllers.templates import comparable, template_hash
from grappe.reconcile.owners import owner_reference

HASH = "controller.kubernetes.io/hash"
REVISION_LABEL = "controller-revision-hash"
"""On pods: which revision they are of. On revisions of DaemonSets: their hash, which those of
StatefulSets have under `HASH`."""


@dataclass(frozen=True, slots=True)
class History:
    """`newest` is the revision of the present template: to be created when `create`, to be given
    the number it carries when `renumber`."""

    newest: Object
    create: bool = False
    renumber: bool = False


def number(revision: Object) -> int:
    return int(revision.get("revision") or 0)


def hash_of(revision: Object) -> str:
    labels = revision["metadata"]["labels"]
    return str(labels.get(REVISION_LABEL) or labels[HASH])


def template_of(revision: Object) -> Object:
    """The pod template that a revision holds."""
    template = dict(revision["data"]["spec"]["template"])
    template.pop("$patch", None)
    return template


def history(owner: Object, revisions: Sequence[Object]) -> History:
    """Find the revision of the owner's template, or make it. An old template that is used again
    gets a new number, as it is the newest then."""
    template = owner["spec"]["template"]
    ordered = sorted(revisions, key=lambda r: (number(r), r["metadata"]["name"]))
    last = number(ordered[-1]) if ordered else 0
    wanted = comparable(template)
    for revision in reversed(ordered):
        if comparable(template_of(revision)) == wanted:
            if revision is ordered[-1]:
                return History(revision)
            return History({**revision, "revision": last + 1}, renumber=True)
    collisions = int((owner.get("status") or {}).get("collisionCount") or 0)
    return History(_made(owner, last + 1, collisions), create=True)


def _made(owner: Object, revision: int, collisions: int) -> Object:
    template = owner["spec"]["template"]
    digest = template_hash(template, collisions)
    labels = (template.get("metadata") or {}).get("labels") or {}
    label = REVISION_LABEL if owner["kind"] == "DaemonSet" else HASH
    metadata: Object = {
        "name": f"{owner['metadata']['name']}-{digest}",
        "namespace": owner["metadata"]["namespace"],
        "labels": {**labels, label: digest},
        "ownerReferences": [owner_reference(owner)],
    }
    if annotations := owner["metadata"].get("annotations"):
        metadata["annotations"] = annotations
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": metadata,
        "data": _sorted({"spec": {"template": {**template, "$patch": "replace"}}}),
        "revision": revision,
    }


def _sorted(data: Object) -> Object:
    """Clients compare `data` byte for byte with what Kubernetes writes: keys in their order."""
    found: Object = orjson.loads(orjson.dumps(data, option=orjson.OPT_SORT_KEYS))
    return found


def removable(owner: Object, revisions: Sequence[Object], used: Collection[str]) -> list[Object]:
    """The oldest revisions beyond `revisionHistoryLimit` whose names are not in `used`; none when
    the limit is negative."""
    limit = owner["spec"].get("revisionHistoryLimit")
    if limit is not None and int(limit) < 0:
        return []
    idle = sorted((r for r in revisions if r["metadata"]["name"] not in used), key=number)
    return idle[: max(0, len(idle) - (10 if limit is None else int(limit)))]
