"""A model of what is around the Deployment controller: ReplicaSets that follow their size, pods
that become ready or not, each step on its own and in any order."""

from __future__ import annotations

from typing import Any

from grappe.controllers.deployment import rollout
from grappe.controllers.deployment.decide import Plan, World, decide

from ..factories import NOW, at

Object = dict[str, Any]


def merged(target: Object, patch: Object) -> Object:
    result = dict(target)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = merged(result.get(key) or {}, value)
        else:
            result[key] = value
    return result


class Model:
    """`pods` holds, for each ReplicaSet by name, whether each of its pods is ready."""

    def __init__(self, deployment: Object) -> None:
        self.deployment = deployment
        self.replicasets: dict[str, Object] = {}
        self.pods: dict[str, list[bool]] = {}
        self.now = NOW
        self._made = 0

    def edit(self, **spec: Any) -> None:
        self.deployment = merged(self.deployment, {"spec": spec})
        self.deployment["metadata"]["generation"] += 1

    def plan(self) -> Plan:
        return decide(World(self.deployment, tuple(self.replicasets.values())), self.now)

    def step(self) -> Plan:
        """The Deployment controller works once."""
        plan = self.plan()
        if plan.create is not None:
            self._made += 1
            name = plan.create["metadata"]["name"]
            meta = {
                **plan.create["metadata"],
                "uid": f"uid-{name}",
                "generation": 1,
                "creationTimestamp": at(self._made),
            }
            assert name not in self.replicasets
            self.replicasets[name] = {**plan.create, "metadata": meta}
            self.pods[name] = []
        for change in plan.changes:
            name = change.replicaset["metadata"]["name"]
            self.replicasets[name] = merged(self.replicasets[name], change.patch)
        for rs in plan.delete:
            assert not self.pods.pop(rs["metadata"]["name"])
            del self.replicasets[rs["metadata"]["name"]]
        if plan.annotations:
            self.deployment = merged(
                self.deployment, {"metadata": {"annotations": dict(plan.annotations)}}
            )
        self.deployment = {**self.deployment, "status": plan.report.status}
        return plan

    def follow(self, name: str) -> None:
        """The ReplicaSet controller works once on one ReplicaSet."""
        rs, pods = self.replicasets[name], self.pods[name]
        size = rollout.replicas(rs)
        pods.sort()  # the unready go first
        del pods[: max(0, len(pods) - size)]
        pods.extend([False] * (size - len(pods)))
        self.replicasets[name] = {**rs, "status": self._status(rs, pods)}

    def observe(self, name: str) -> None:
        """The ReplicaSet controller reports without acting."""
        rs = self.replicasets[name]
        self.replicasets[name] = {**rs, "status": self._status(rs, self.pods[name])}

    def _status(self, rs: Object, pods: list[bool]) -> Object:
        return {
            "replicas": len(pods),
            "readyReplicas": sum(pods),
            "availableReplicas": sum(pods),
            "observedGeneration": rs["metadata"]["generation"],
        }

    def become_ready(self, number: int) -> None:
        """One pod, whichever the number points at, becomes ready."""
        waiting = [(n, i) for n, pods in self.pods.items() for i, r in enumerate(pods) if not r]
        if waiting:
            name, index = waiting[number % len(waiting)]
            self.pods[name][index] = True

    @property
    def total(self) -> int:
        return sum(map(len, self.pods.values()))

    @property
    def ready(self) -> int:
        return sum(map(sum, self.pods.values()))

    def settle(self) -> None:
        """Everybody works until nothing changes."""
        for _ in range(400):
            before = (
                self.deployment,
                dict(self.replicasets),
                {k: [*v] for k, v in self.pods.items()},
            )
            self.step()
            for name in [*self.replicasets]:
                self.follow(name)
                self.pods[name] = [True] * len(self.pods[name])
                self.observe(name)
            if before == (self.deployment, self.replicasets, self.pods):
                return
        raise AssertionError("does not settle")
