"""What the scheduler needs to know of a pod, parsed once when the pod changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from grappe.api import Object
from grappe.api.host_ports import HostPort, host_ports
from grappe.scheduler.amounts import Amounts, pod_requests

DEFAULT_SCHEDULER = "default-scheduler"


@dataclass(frozen=True, slots=True)
class PodInfo:
    """A pod as the scheduler sees it. `affinity`, `tolerations`, `spread` are as in the spec."""

    namespace: str
    name: str
    uid: str
    generation: int = field(compare=False)
    created: str
    labels: Mapping[str, str]
    owner: str
    node_name: str
    scheduler_name: str
    priority: int
    may_preempt: bool
    nominated_node: str
    gated: bool
    terminating: bool
    finished: bool
    requests: Amounts
    scored: tuple[int, int]
    ports: tuple[HostPort, ...]
    images: tuple[str, ...]
    node_selector: Mapping[str, str]
    affinity: Object
    tolerations: Sequence[Object]
    spread: Sequence[Object]

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"

    def affinity_terms(self, kind: str, *, required: bool) -> Sequence[Object]:
        """Terms of `podAffinity` or `podAntiAffinity`."""
        stated: Object = self.affinity.get(kind) or {}
        name = "required" if required else "preferred"
        return stated.get(f"{name}DuringSchedulingIgnoredDuringExecution") or ()


def pod_info(pod: Object) -> PodInfo:
    """Read a v1 Pod."""
    meta, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
    requests, scored = pod_requests(spec)
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return PodInfo(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        generation=meta.get("generation") or 0,
        created=meta.get("creationTimestamp") or "",
        labels=meta.get("labels") or {},
        owner=next(
            (o["uid"] for o in meta.get("ownerReferences") or () if o.get("controller")), ""
        ),
        node_name=spec.get("nodeName") or "",
        scheduler_name=spec.get("schedulerName") or DEFAULT_SCHEDULER,
        priority=spec.get("priority") or 0,
        may_preempt=spec.get("preemptionPolicy") != "Never",
        nominated_node=status.get("nominatedNodeName") or "",
        gated=bool(spec.get("schedulingGates")),
        terminating=bool(meta.get("deletionTimestamp")),
        finished=status.get("phase") in ("Succeeded", "Failed"),
        requests=requests,
        scored=scored,
        ports=host_ports(containers),
        images=tuple(c.get("image") or "" for c in containers),
        node_selector=spec.get("nodeSelector") or {},
        affinity=spec.get("affinity") or {},
        tolerations=spec.get("tolerations") or (),
        spread=spec.get("topologySpreadConstraints") or (),
    )


_META = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "labels",
    "ownerReferences",
)
_SPEC = (
    "nodeName",
    "schedulerName",
    "priority",
    "preemptionPolicy",
    "schedulingGates",
    "resources",
    "overhead",
    "nodeSelector",
    "affinity",
    "tolerations",
    "topologySpreadConstraints",
)
_CONTAINER = ("image", "ports", "resources", "restartPolicy")


def slim_pod(pod: Object) -> Object:
    """The parts `pod_info` reads and the PodScheduled condition, so that an informer keeps no
    more."""
    spec, status = pod["spec"], pod.get("status") or {}
    kept: Object = {key: spec[key] for key in _SPEC if key in spec}
    for kind in ("initContainers", "containers"):
        if spec.get(kind):
            kept[kind] = [{k: c[k] for k in _CONTAINER if k in c} for c in spec[kind]]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {key: pod["metadata"][key] for key in _META if key in pod["metadata"]},
        "spec": kept,
        "status": {
            "phase": status.get("phase"),
            "nominatedNodeName": status.get("nominatedNodeName"),
            "conditions": [
                c for c in status.get("conditions") or () if c.get("type") == "PodScheduled"
            ],
        },
    }
