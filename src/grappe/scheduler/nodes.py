"""What the scheduler needs to know of a node and of the pods on it; immutable, so that a
snapshot is a tuple of references."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from grappe.api import Object
from grappe.api.host_ports import HostPort
from grappe.api.pod_resources import add_to
from grappe.scheduler.amounts import Amounts, amounts
from grappe.scheduler.pods import PodInfo


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """A node with its pods, `pods` by uid. `requested` and `scored` are sums over them."""

    name: str
    labels: Mapping[str, str]
    taints: Sequence[Object]
    unschedulable: bool
    allocatable: Amounts
    images: Mapping[str, int]
    pods: Mapping[str, PodInfo] = field(default_factory=dict)
    requested: Amounts = field(default_factory=dict)
    scored: tuple[int, int] = (0, 0)
    ports: tuple[HostPort, ...] = ()
    with_affinity: tuple[PodInfo, ...] = ()

    def with_pods(self, pods: Iterable[PodInfo]) -> NodeInfo:
        """The same node with these pods on it instead."""
        found = {p.uid: p for p in pods}
        requested: dict[str, int] = {}
        cpu = memory = 0
        for pod in found.values():
            add_to(requested, pod.requests)
            cpu += pod.scored[0]
            memory += pod.scored[1]
        return replace(
            self,
            pods=found,
            requested=requested,
            scored=(cpu, memory),
            ports=tuple(port for p in found.values() for port in p.ports),
            with_affinity=tuple(p for p in found.values() if p.affinity),
        )

    def with_pod(self, pod: PodInfo) -> NodeInfo:
        """The same node with one pod more; quicker than `with_pods`."""
        requested = dict(self.requested)
        add_to(requested, pod.requests)
        return replace(
            self,
            pods={**self.pods, pod.uid: pod},
            requested=requested,
            scored=(self.scored[0] + pod.scored[0], self.scored[1] + pod.scored[1]),
            ports=self.ports + pod.ports,
            with_affinity=(*self.with_affinity, pod) if pod.affinity else self.with_affinity,
        )

    def without_pod(self, uid: str) -> NodeInfo:
        """The same node with one pod less; quicker than `without`."""
        pods = dict(self.pods)
        pod = pods.pop(uid)
        requested = dict(self.requested)
        for name, amount in pod.requests.items():
            requested[name] -= amount
        return replace(
            self,
            pods=pods,
            requested=requested,
            scored=(self.scored[0] - pod.scored[0], self.scored[1] - pod.scored[1]),
            ports=tuple(p for q in pods.values() for p in q.ports) if pod.ports else self.ports,
            with_affinity=tuple(p for p in self.with_affinity if p.uid != uid),
        )

    def without(self, uids: Iterable[str]) -> NodeInfo:
        """The same node without these pods."""
        gone = set(uids)
        return self.with_pods(p for uid, p in self.pods.items() if uid not in gone)


def node_info(node: Object) -> NodeInfo:
    """Read a v1 Node; it has no pods yet."""
    meta, spec, status = node["metadata"], node.get("spec") or {}, node.get("status") or {}
    return NodeInfo(
        name=meta["name"],
        labels=meta.get("labels") or {},
        taints=spec.get("taints") or (),
        unschedulable=bool(spec.get("unschedulable")),
        allocatable=amounts(status.get("allocatable")),
        images={
            name: image.get("sizeBytes") or 0
            for image in status.get("images") or ()
            for name in image.get("names") or ()
        },
    )


def slim_node(node: Object) -> Object:
    """The parts `node_info` reads, so that an informer keeps no more."""
    meta, spec, status = node["metadata"], node.get("spec") or {}, node.get("status") or {}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            key: meta[key] for key in ("name", "uid", "resourceVersion", "labels") if key in meta
        },
        "spec": {key: spec[key] for key in ("taints", "unschedulable") if key in spec},
        "status": {key: status[key] for key in ("allocatable", "images") if key in status},
    }


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything one decision looks at. `namespaces` maps a namespace to its labels."""

    nodes: tuple[NodeInfo, ...]
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def replacing(self, node: NodeInfo) -> Snapshot:
        """The same snapshot with one node changed."""
        return replace(self, nodes=tuple(node if n.name == node.name else n for n in self.nodes))
