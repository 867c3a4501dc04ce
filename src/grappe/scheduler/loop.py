"""The scheduler at work: informers → cache and queue → decide → bind or report.

One pod is decided at a time, on a snapshot that counts everything decided before; what follows a
decision (binding, status, events) goes on beside the next decisions.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from time import perf_counter

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import NAMESPACES, NODES, PODS
from grappe.base.clock import Clock, SystemClock
from grappe.client.informer import EventType, Informer
from grappe.client.interface import Client, TransportError
from grappe.reconcile.events import Recorder
from grappe.scheduler.act import Writer
from grappe.scheduler.cache import Cache
from grappe.scheduler.decide import Placement, Rejected, decide
from grappe.scheduler.metrics import attempted, failed, show_pending
from grappe.scheduler.nodes import node_info, slim_node
from grappe.scheduler.pods import DEFAULT_SCHEDULER, PodInfo, pod_info, slim_pod
from grappe.scheduler.preemption import NoPreemption, Preemption, preempt
from grappe.scheduler.queue import Queue

log = logging.getLogger(__name__)

_SLICE = 0.002
"""Seconds of deciding before others on the loop get a turn."""
_BINDINGS_AT_ONCE = 128


async def run(client: Client, clock: Clock | None = None) -> None:
    """Schedule pods until cancelled."""
    await Scheduler(client, clock or SystemClock()).run()


class Scheduler:
    """Wires informers, cache, queue and writer together."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._clock = clock
        self._cache = Cache()
        self._queue = Queue()
        self._wake = asyncio.Event()
        self._room = asyncio.Semaphore(_BINDINGS_AT_ONCE)
        self._pods = Informer(
            client,
            PODS,
            field_selector="status.phase!=Succeeded,status.phase!=Failed",
            transform=slim_pod,
        )
        self._nodes = Informer(client, NODES, transform=slim_node)
        self._namespaces = Informer(client, NAMESPACES)
        recorder = Recorder(client, DEFAULT_SCHEDULER, clock=clock)
        self._writer = Writer(client, clock, recorder, self._pods)
        self._pods.add_handler(self._pod_changed)
        self._nodes.add_handler(self._node_changed)
        self._namespaces.add_handler(self._namespace_changed)

    async def run(self) -> None:
        show_pending(self._queue.pending)
        async with asyncio.TaskGroup() as group:
            for informer in (self._pods, self._nodes, self._namespaces):
                group.create_task(informer.run(), name=f"scheduler {informer.resource.plural}")
            for informer in (self._pods, self._nodes, self._namespaces):
                await informer.synced.wait()
            await self._schedule(group)

    # -- what the informers tell -----------------------------------------------------------------
    def _pod_changed(self, event_type: EventType, obj: Object, old: Object | None) -> None:
        pod = pod_info(obj)
        if event_type == "DELETED":
            self._gone(pod.uid)
            return
        if old is not None and old["metadata"]["uid"] != pod.uid:
            self._gone(old["metadata"]["uid"])
        if pod.node_name:
            self._queue.discard(pod.uid)
            if self._cache.set_pod(pod):
                self._retry_those_who_look_at_pods()
        elif pod.terminating:
            self._queue.discard(pod.uid)
        elif pod.scheduler_name == DEFAULT_SCHEDULER:
            self._queue.put(pod)
            self._wake.set()

    def _gone(self, uid: str) -> None:
        self._queue.discard(uid)
        if self._cache.remove_pod(uid):
            self._retry()

    def _node_changed(self, event_type: EventType, obj: Object, old: Object | None) -> None:
        if event_type == "DELETED":
            self._cache.remove_node(obj["metadata"]["name"])
        elif self._cache.set_node(node_info(obj)):
            self._retry()

    def _namespace_changed(self, event_type: EventType, obj: Object, old: Object | None) -> None:
        meta = obj["metadata"]
        labels = None if event_type == "DELETED" else meta.get("labels") or {}
        if self._cache.set_namespace(meta["name"], labels):
            self._retry_those_who_look_at_pods()

    def _retry(self) -> None:
        self._queue.cluster_changed()
        self._wake.set()

    def _retry_those_who_look_at_pods(self) -> None:
        self._queue.cluster_changed(lambda pod: bool(pod.affinity or pod.spread))
        self._wake.set()

    # -- deciding ----------------------------------------------------------------------------------
    async def _schedule(self, group: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        turn_ends = loop.time() + _SLICE
        while True:
            pod = self._queue.pop(self._clock.elapsed())
            if pod is None:
                await self._idle()
                turn_ends = loop.time() + _SLICE
                continue
            await self._room.acquire()
            group.create_task(self._in_room(self._settle(pod)), name=f"schedule {pod.key}")
            if loop.time() >= turn_ends:
                await asyncio.sleep(0)
                turn_ends = loop.time() + _SLICE

    async def _idle(self) -> None:
        """Until something changes or a back-off ends."""
        at = self._queue.next_time()
        self._wake.clear()
        try:
            async with asyncio.timeout(
                None if at is None else max(at - self._clock.elapsed(), 0.001)
            ):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _settle(self, pod: PodInfo) -> Coroutine[None, None, None]:
        """Decide now; what is left to do is the coroutine's."""
        started = perf_counter()
        snapshot = self._cache.snapshot()
        outcome = decide(pod, snapshot)
        placed = isinstance(outcome, Placement)
        attempted("scheduled" if placed else "unschedulable", perf_counter() - started)
        if isinstance(outcome, Placement):
            self._cache.assume(pod, outcome.node)
            return self._bind(pod, outcome.node)
        return self._report(pod, outcome, preempt(pod, snapshot, outcome))

    async def _bind(self, pod: PodInfo, node: str) -> None:
        try:
            await self._writer.bind(pod, node)
        except (ApiError, TransportError) as error:
            self._cache.forget(pod.uid)
            failed()
            if isinstance(error, ApiError) and error.code == 404:
                self._queue.discard(pod.uid)
            else:
                await self._writer.report_error(pod, f"binding rejected: {error}")
                self._queue.fail(pod.uid, self._clock.elapsed(), unschedulable=False)
            self._retry()
        else:
            self._queue.discard(pod.uid)
            self._retry_those_who_look_at_pods()

    async def _report(
        self, pod: PodInfo, rejected: Rejected, preemption: Preemption | NoPreemption
    ) -> None:
        try:
            await self._writer.report(pod, rejected, preemption)
            unschedulable = True
        except (ApiError, TransportError) as error:
            log.warning("cannot report that %s is unschedulable: %s", pod.key, error)
            unschedulable = False
        self._queue.fail(pod.uid, self._clock.elapsed(), unschedulable=unschedulable)
        self._wake.set()

    async def _in_room(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        finally:
            self._room.release()
