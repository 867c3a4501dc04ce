"""Which nodes a DaemonSet is for, and how its pods are tied to them. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from grappe.api import Object
from grappe.api.node_selectors import chosen
from grappe.api.tolerations import tolerated
from grappe.controllers.pod_control import pod_from_template
from grappe.controllers.revisions import REVISION_LABEL

GENERATION_LABEL = "pod-template-generation"

_PREFIX = "node.kubernetes.io/"
_EXECUTE = ("not-ready", "unreachable")
_SCHEDULE = ("disk-pressure", "memory-pressure", "pid-pressure", "unschedulable")


class Fit(NamedTuple):
    """Whether a pod should be on a node, and whether one that is there may stay."""

    runs: bool
    stays: bool


def tolerations(spec: Object) -> list[Object]:
    """The template's own, and those that keep daemons on nodes in trouble."""
    added = [{"key": _PREFIX + k, "operator": "Exists", "effect": "NoExecute"} for k in _EXECUTE]
    added += [{"key": _PREFIX + k, "operator": "Exists", "effect": "NoSchedule"} for k in _SCHEDULE]
    if spec.get("hostNetwork"):
        key = _PREFIX + "network-unavailable"
        added.append({"key": key, "operator": "Exists", "effect": "NoSchedule"})
    own = spec.get("tolerations") or []
    return [*own, *(t for t in added if t not in own)]


def fit(daemonset: Object, node: Object) -> Fit:
    """By node selector, affinity and taints."""
    spec = daemonset["spec"]["template"]["spec"]
    meta = node["metadata"]
    affinity = spec.get("affinity") or {}
    labels = meta.get("labels") or {}
    if not chosen(spec.get("nodeSelector") or {}, affinity, meta["name"], labels):
        return Fit(False, False)
    allowed = tolerations(spec)
    refused = {
        taint["effect"]
        for taint in (node.get("spec") or {}).get("taints") or ()
        if not tolerated(allowed, taint)
    }
    return Fit(not refused & {"NoSchedule", "NoExecute"}, "NoExecute" not in refused)


def target(pod: Object) -> str:
    """The node a pod is on, or is meant for."""
    if pod["spec"].get("nodeName"):
        return str(pod["spec"]["nodeName"])
    required = ((pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    ) or {}
    for term in required.get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            if field["key"] == "metadata.name" and field.get("values"):
                return str(field["values"][0])
    return ""


def make_pod(daemonset: Object, node: str, revision_hash: str) -> Object:
    """The pod for a node."""
    template = daemonset["spec"]["template"]
    pod = pod_from_template(template, daemonset)
    generation = (daemonset["metadata"].get("annotations") or {}).get(
        "deprecated.daemonset.template.generation", "1"
    )
    pod["metadata"]["labels"] = {
        **(pod["metadata"].get("labels") or {}),
        REVISION_LABEL: revision_hash,
        GENERATION_LABEL: generation,
    }
    spec = template["spec"]
    affinity: dict[str, Any] = dict(spec.get("affinity") or {})
    node_affinity = dict(affinity.get("nodeAffinity") or {})
    # The terms were met when the node was chosen: the name says it all.
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    node_affinity["requiredDuringSchedulingIgnoredDuringExecution"] = {
        "nodeSelectorTerms": [{"matchFields": [field]}]
    }
    affinity["nodeAffinity"] = node_affinity
    return {**pod, "spec": {**spec, "affinity": affinity, "tolerations": tolerations(spec)}}
