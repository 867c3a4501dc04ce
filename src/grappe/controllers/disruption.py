"""Disruption: how many pods a PodDisruptionBudget lets go at the moment.

watches        poddisruptionbudgets, pods, and what manages them (replicasets, deployments,
               statefulsets, replicationcontrollers)
writes         poddisruptionbudgets/status
never touches  pods

https://kubernetes.io/docs/concepts/workloads/pods/disruptions/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grappe.api import Object
from grappe.api.resources import DEPLOYMENTS, PODS, REPLICA_SETS, Resource, builtin_kind
from grappe.api.selectors import label_selector_from_object
from grappe.base.clock import parse_rfc3339
from grappe.client.informer import EventType
from grappe.controllers.context import Context
from grappe.controllers.informers import NAMESPACE
from grappe.controllers.pods import is_finished, is_ready, is_terminating
from grappe.controllers.statuses import write_status
from grappe.reconcile import Controller, Key, Result
from grappe.reconcile.conditions import with_condition
from grappe.reconcile.owners import controller_of
from grappe.reconcile.versions import VersionTracker

EVICTION_SECONDS = 120.0
"""How long an eviction that was allowed may take to show; after that it counts as not done."""


def _kind(api_version: str, kind: str) -> Resource:
    found = builtin_kind(api_version, kind)
    assert found is not None
    return found


BUDGETS = _kind("policy/v1", "PodDisruptionBudget")
_SCALED = (
    DEPLOYMENTS,
    REPLICA_SETS,
    _kind("apps/v1", "StatefulSet"),
    _kind("v1", "ReplicationController"),
)


@dataclass(frozen=True, slots=True)
class World:
    """A budget, the pods it selects, and how many pods their controllers want in all."""

    budget: Object
    pods: Sequence[Object]
    wanted: int


def _share(value: int | str, of: int) -> int:
    """A number, or a percentage of `of` rounded up."""
    return -(-int(value.rstrip("%")) * of // 100) if isinstance(value, str) else value


def decide(world: World, now: float) -> tuple[Object, float | None]:
    """The status, and when an eviction that is awaited counts as not done."""
    spec, old = world.budget["spec"], world.budget.get("status") or {}
    least, most_missing = spec.get("minAvailable"), spec.get("maxUnavailable")
    expected = len(world.pods) if isinstance(least, int) else world.wanted
    if least is not None:
        desired = _share(least, expected)
    elif most_missing is not None:
        desired = max(0, expected - _share(most_missing, expected))
    else:
        desired = 0
    awaited, at = _awaited(old.get("disruptedPods") or {}, world.pods, now)
    healthy = sum(
        is_ready(p) and not is_terminating(p) and p["metadata"]["name"] not in awaited
        for p in world.pods
    )
    allowed = max(0, healthy - desired) if expected > 0 else 0
    condition = {
        "type": "DisruptionAllowed",
        "status": "True" if allowed else "False",
        "reason": "SufficientPods" if allowed else "InsufficientPods",
        "message": "",
        "observedGeneration": world.budget["metadata"].get("generation") or 0,
    }
    status: Object = {
        "observedGeneration": world.budget["metadata"].get("generation") or 0,
        "disruptionsAllowed": allowed,
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "expectedPods": expected,
        "conditions": with_condition(old.get("conditions"), condition, now),
    }
    if awaited:
        status["disruptedPods"] = awaited
    return status, at


def _awaited(
    disrupted: Mapping[str, str], pods: Sequence[Object], now: float
) -> tuple[dict[str, str], float | None]:
    """Evictions that were allowed and do not show yet."""
    present = {p["metadata"]["name"] for p in pods if not is_terminating(p)}
    found = {
        name: since
        for name, since in disrupted.items()
        if name in present and parse_rfc3339(since) + EVICTION_SECONDS > now
    }
    ends = [parse_rfc3339(since) + EVICTION_SECONDS for since in found.values()]
    return found, min(ends, default=None)


def build(context: Context) -> Controller:
    return DisruptionController(context).controller


class DisruptionController:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._budgets = context.informers.of(BUDGETS)
        self._pods = context.informers.of(PODS)
        self._scaled = {r.kind: context.informers.of(r) for r in _SCALED}
        self._versions = VersionTracker(context.clock)
        self.controller = Controller("disruption", reconcile=self.reconcile)
        self._budgets.add_handler(self.controller.on_change)
        self._pods.add_handler(self._pod_changed)
        for informer in self._scaled.values():
            informer.add_handler(self._scale_changed)

    def _pod_changed(self, event_type: EventType, pod: Object, old: Object | None) -> None:
        for budget in self._budgets.by_index(NAMESPACE, pod["metadata"]["namespace"]):
            selector = label_selector_from_object(budget["spec"].get("selector"))
            for found in (pod, old):
                if found is not None and selector.matches(found["metadata"].get("labels")):
                    self.controller.enqueue_object(budget)

    def _scale_changed(self, event_type: EventType, obj: Object, old: Object | None) -> None:
        if old is None or obj["spec"].get("replicas") != old["spec"].get("replicas"):
            for budget in self._budgets.by_index(NAMESPACE, obj["metadata"]["namespace"]):
                self.controller.enqueue_object(budget)

    async def reconcile(self, key: Key) -> Result | None:
        budget = self._versions.newest(key, self._budgets.get(*key))
        if budget is None:
            return None
        now = self._clock.now()
        status, at = decide(self._look(budget), now)
        # The API server spends the budget too: written on the revision that was looked at.
        answer = await write_status(self._client, BUDGETS, budget, status, at_revision=True)
        if answer is not None:
            self._versions.wrote(answer)
        return Result(max(at - now, 0.01)) if at is not None else None

    def _look(self, budget: Object) -> World:
        namespace = budget["metadata"]["namespace"]
        selector = label_selector_from_object(budget["spec"].get("selector"))
        pods = [
            p
            for p in self._pods.by_index(NAMESPACE, namespace)
            if not is_finished(p) and selector.matches(p["metadata"].get("labels"))
        ]
        return World(budget, pods, self._wanted(namespace, pods))

    def _wanted(self, namespace: str, pods: Sequence[Object]) -> int:
        """The sizes of the pods' topmost controllers; a pod whose controller is not known counts
        for itself."""
        sizes: dict[str, int] = {}
        alone = 0
        for pod in pods:
            top: Object | None = None
            reference = controller_of(pod)
            while reference is not None and reference["kind"] in self._scaled:
                owner = self._scaled[reference["kind"]].get(namespace, reference["name"])
                if owner is None or owner["metadata"]["uid"] != reference["uid"]:
                    break
                top, reference = owner, controller_of(owner)
            if top is None:
                alone += 1
            else:
                replicas = top["spec"].get("replicas")
                sizes[top["metadata"]["uid"]] = 1 if replicas is None else int(replicas)
        return alone + sum(sizes.values())
