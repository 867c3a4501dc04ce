"""The scheduler's writes: bindings, the PodScheduled condition, evictions for preemption, events.

Messages and reasons as kube-scheduler's, which tools and people search for.
"""

from __future__ import annotations

import asyncio

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import PODS
from grappe.base.clock import Clock, rfc3339
from grappe.client.informer import Informer
from grappe.client.interface import Client
from grappe.reconcile.events import Recorder
from grappe.scheduler.decide import Rejected
from grappe.scheduler.pods import DEFAULT_SCHEDULER, PodInfo
from grappe.scheduler.preemption import NoPreemption, Preemption

MESSAGE_LIMIT = 1024
"""Bytes an event's message may have."""


def message(rejected: Rejected, preemption: Preemption | NoPreemption) -> str:
    """Why a pod has no node, as the condition and the event say it."""
    if isinstance(preemption, Preemption) or not rejected.nodes:
        return rejected.message
    return f"{rejected.message} no new claims to deallocate, preemption: {preemption.message}"


def scheduled_condition(
    pod: PodInfo, current: Object | None, reason: str, why: str, now: float
) -> Object:
    """PodScheduled=False; the transition time stays while the status does."""
    since = (current or {}).get("lastTransitionTime")
    if current is None or current.get("status") != "False" or not since:
        since = rfc3339(now)
    condition: Object = {
        "type": "PodScheduled",
        "status": "False",
        "reason": reason,
        "message": why,
        "lastProbeTime": None,
        "lastTransitionTime": since,
    }
    if pod.generation:
        condition["observedGeneration"] = pod.generation
    return condition


def _reference(pod: PodInfo) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": pod.namespace, "name": pod.name, "uid": pod.uid},
    }


class Writer:
    """Every write of the scheduler. Raises ApiError and TransportError."""

    def __init__(self, client: Client, clock: Clock, recorder: Recorder, pods: Informer) -> None:
        self._client = client
        self._clock = clock
        self._recorder = recorder
        self._pods = pods

    async def bind(self, pod: PodInfo, node: str) -> None:
        """Put the pod on the node, by uid: a namesake created meanwhile is left alone."""
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"namespace": pod.namespace, "name": pod.name, "uid": pod.uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        await self._client.create(
            PODS, binding, pod.namespace, name=pod.name, subresource="binding"
        )
        self._recorder.event(
            _reference(pod),
            "Normal",
            "Scheduled",
            f"Successfully assigned {pod.namespace}/{pod.name} to {node}",
        )

    async def report(
        self, pod: PodInfo, rejected: Rejected, preemption: Preemption | NoPreemption
    ) -> None:
        """Say that nothing fits and, where that helps, make room."""
        why = message(rejected, preemption)
        self._recorder.event(_reference(pod), "Warning", "FailedScheduling", why[:MESSAGE_LIMIT])
        nominated = ""
        if isinstance(preemption, Preemption):
            nominated = preemption.node
            await asyncio.gather(*(self._evict(pod, v, nominated) for v in preemption.victims))
        await self._set_condition(pod, "Unschedulable", why, nominated)

    async def report_error(self, pod: PodInfo, why: str) -> None:
        """Say that an attempt failed for a reason other than room; never raises ApiError."""
        self._recorder.event(_reference(pod), "Warning", "FailedScheduling", why[:MESSAGE_LIMIT])
        try:
            await self._set_condition(pod, "SchedulerError", why, pod.nominated_node)
        except ApiError:
            pass  # The event says it; the next attempt writes the condition anew.

    async def _set_condition(self, pod: PodInfo, reason: str, why: str, nominated: str) -> None:
        known = self._pods.get(pod.namespace, pod.name)
        current = next(iter(known["status"]["conditions"]), None) if known else None
        condition = scheduled_condition(pod, current, reason, why, self._clock.now())
        status: Object = {}
        if current is None or any(current.get(k) != v for k, v in condition.items()):
            status["conditions"] = [condition]
        if nominated != pod.nominated_node:
            status["nominatedNodeName"] = nominated or None
        if status:
            await self._patch_status(pod, status)

    async def _evict(self, pod: PodInfo, victim: PodInfo, node: str) -> None:
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "PreemptionByScheduler",
            "message": f"{DEFAULT_SCHEDULER}: preempting to accommodate a higher priority pod",
            "lastProbeTime": None,
            "lastTransitionTime": rfc3339(self._clock.now()),
        }
        try:
            await self._patch_status(victim, {"conditions": [condition]})
            await self._client.delete(PODS, victim.name, victim.namespace, uid=victim.uid)
        except ApiError as error:
            if error.code not in (404, 409):
                raise
            return
        self._recorder.event(
            _reference(victim),
            "Normal",
            "Preempted",
            f"Preempted by pod {pod.uid} on node {node}",
        )

    async def _patch_status(self, pod: PodInfo, status: Object) -> None:
        await self._client.patch(
            PODS,
            pod.name,
            {"metadata": {"uid": pod.uid}, "status": status},
            pod.namespace,
            patch_type="application/strategic-merge-patch+json",
            subresource="status",
        )
