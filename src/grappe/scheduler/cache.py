"""Nodes and pods as the informers report them, plus pods bound by us that they do not report yet.

A pod is *assumed* from the decision until the informer shows it on its node or the binding fails,
so that the next decision counts it although the cluster does not show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pods import PodInfo


class Cache:
    """Mutable; hands out immutable snapshots."""

    def __init__(self) -> None:
        self._nodes: dict[str, NodeInfo] = {}
        self._placed: dict[str, tuple[str, PodInfo]] = {}
        self._strays: dict[str, dict[str, PodInfo]] = {}
        self._assumed: set[str] = set()
        self._namespaces: dict[str, Mapping[str, str]] = {}
        self._snapshot: Snapshot | None = None

    def snapshot(self) -> Snapshot:
        if self._snapshot is None:
            self._snapshot = Snapshot(tuple(self._nodes.values()), self._namespaces)
        return self._snapshot

    # -- nodes and namespaces ------------------------------------------------------------------
    def set_node(self, node: NodeInfo) -> bool:
        """Take a node's newest state; True when it differs in what decisions look at."""
        old = self._nodes.get(node.name)
        if old is None:
            strays = self._strays.pop(node.name, {})
            self._nodes[node.name] = node.with_pods(strays.values())
        else:
            if (
                old.labels == node.labels
                and old.taints == node.taints
                and old.unschedulable == node.unschedulable
                and old.allocatable == node.allocatable
                and old.images == node.images
            ):
                return False
            self._nodes[node.name] = node.with_pods(old.pods.values())
        self._snapshot = None
        return True

    def remove_node(self, name: str) -> None:
        """Forget a node; its pods are kept aside in case it comes back."""
        old = self._nodes.pop(name, None)
        if old is not None:
            if old.pods:
                self._strays[name] = dict(old.pods)
            self._snapshot = None

    def set_namespace(self, name: str, labels: Mapping[str, str] | None) -> bool:
        """Take a namespace's labels, None when it is gone; True when that is a change."""
        if self._namespaces.get(name) == labels:
            return False
        others = {n: found for n, found in self._namespaces.items() if n != name}
        self._namespaces = others if labels is None else {**others, name: labels}
        self._snapshot = None
        return True

    # -- pods ------------------------------------------------------------------------------------
    def set_pod(self, pod: PodInfo) -> bool:
        """Take the state of a pod that is on a node; True when that is a change."""
        known = self._placed.get(pod.uid)
        self._assumed.discard(pod.uid)
        if known is not None:
            if known == (pod.node_name, pod):
                return False
            self._take_off(pod.uid)
        self._put_on(pod.node_name, pod)
        return True

    def remove_pod(self, uid: str) -> bool:
        """Forget a pod; True when that freed something on a node."""
        self._assumed.discard(uid)
        return self._take_off(uid)

    def assume(self, pod: PodInfo, node: str) -> None:
        """Count `pod` as on `node` from now on."""
        self._assumed.add(pod.uid)
        self._put_on(node, replace(pod, node_name=node))

    def forget(self, uid: str) -> None:
        """Undo `assume`, unless the informer has confirmed the pod since."""
        if uid in self._assumed:
            self.remove_pod(uid)

    def _put_on(self, name: str, pod: PodInfo) -> None:
        self._placed[pod.uid] = (name, pod)
        node = self._nodes.get(name)
        if node is None:
            self._strays.setdefault(name, {})[pod.uid] = pod
        else:
            self._nodes[name] = node.with_pod(pod)
            self._snapshot = None

    def _take_off(self, uid: str) -> bool:
        place = self._placed.pop(uid, None)
        if place is None:
            return False
        name = place[0]
        node = self._nodes.get(name)
        if node is None:
            strays = self._strays.get(name, {})
            strays.pop(uid, None)
            if not strays:
                self._strays.pop(name, None)
        else:
            self._nodes[name] = node.without_pod(uid)
            self._snapshot = None
        return True
