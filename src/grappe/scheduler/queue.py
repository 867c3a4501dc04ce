"""Which pod is next.

    active    ready to be tried, by priority, then by age
    trying    handed out by `pop`
    backoff   tried in vain; ready at a time (1 s, doubled at each try, at most 10 s)
    parked    nothing fits; waits for a change in the cluster, at most five minutes
    gated     has scheduling gates; waits for the pod itself to change

Rule: https://kubernetes.io/docs/concepts/scheduling-eviction/scheduling-framework/ (QueueSort,
PreEnqueue). Time is passed in; nothing here waits.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from grappe.scheduler.pods import PodInfo

FIRST_BACKOFF = 1.0
LONGEST_BACKOFF = 10.0
LONGEST_WAIT = 300.0


def backoff(attempts: int) -> float:
    """Seconds to wait after the `attempts`-th try in vain."""
    return float(min(FIRST_BACKOFF * 2 ** min(attempts - 1, 10), LONGEST_BACKOFF))


@dataclass(slots=True)
class _Entry:
    pod: PodInfo
    arrived: int
    state: Literal["active", "trying", "backoff", "parked", "gated"] = "gated"
    attempts: int = 0
    failed_at: float = 0.0
    ready_at: float = 0.0
    tried_at_change: int = 0


class Queue:
    """Pods that want a node. A pod whose try fails although the cluster or the pod changed
    meanwhile backs off instead of being parked, so no change is missed."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._parked: set[str] = set()
        self._active: list[tuple[int, int, str]] = []
        self._timed: list[tuple[float, str]] = []
        self._arrivals = 0
        self._changes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, uid: str) -> bool:
        return uid in self._entries

    def pending(self) -> dict[str, int]:
        """How many pods wait, by the name Kubernetes gives the queue they wait in."""
        found = {"active": 0, "backoff": 0, "gated": 0, "unschedulable": 0}
        names = {"trying": "active", "parked": "unschedulable"}
        for entry in self._entries.values():
            found[names.get(entry.state, entry.state)] += 1
        return found

    def put(self, pod: PodInfo) -> None:
        """A pod without a node is new or has changed."""
        entry = self._entries.get(pod.uid)
        if entry is None:
            self._arrivals += 1
            entry = self._entries[pod.uid] = _Entry(pod, self._arrivals)
            self._activate(entry)
            return
        changed = _asks(entry.pod) != _asks(pod)
        entry.pod = pod
        if not changed:
            return
        if entry.state == "trying":
            self._changes += 1
        elif entry.state in ("parked", "gated", "active"):
            self._activate(entry)

    def discard(self, uid: str) -> None:
        """The pod is gone or has a node."""
        self._entries.pop(uid, None)
        self._parked.discard(uid)

    def pop(self, now: float) -> PodInfo | None:
        """The next pod to try, or None. Answer with `fail`, or `discard` when it has a node."""
        self._wake(now)
        while self._active:
            _, arrived, uid = heapq.heappop(self._active)
            entry = self._entries.get(uid)
            if entry is None or entry.arrived != arrived or entry.state != "active":
                continue
            entry.state = "trying"
            entry.attempts += 1
            entry.tried_at_change = self._changes
            return entry.pod
        return None

    def fail(self, uid: str, now: float, *, unschedulable: bool) -> None:
        """The try was in vain: nothing fits (`unschedulable`), or an error worth a retry."""
        entry = self._entries.get(uid)
        if entry is None or entry.state != "trying":
            return
        entry.failed_at = now
        if unschedulable and entry.tried_at_change == self._changes:
            self._wait(entry, "parked", now + LONGEST_WAIT)
        else:
            self._wait(entry, "backoff", now + backoff(entry.attempts))

    def cluster_changed(self, concerns: Callable[[PodInfo], bool] | None = None) -> None:
        """Something may fit now that did not: parked pods, or those the change `concerns`, are
        tried again after their back-off."""
        self._changes += 1
        for uid in [*self._parked]:
            entry = self._entries.get(uid)
            if entry is None or entry.state != "parked":
                self._parked.discard(uid)
            elif concerns is None or concerns(entry.pod):
                self._wait(entry, "backoff", entry.failed_at + backoff(entry.attempts))

    def next_time(self) -> float | None:
        """When to call `pop` again although nothing happens: the end of the nearest wait."""
        while self._timed and self._stale(*self._timed[0]):
            heapq.heappop(self._timed)
        return self._timed[0][0] if self._timed else None

    def _activate(self, entry: _Entry) -> None:
        if entry.pod.gated:
            entry.state = "gated"
            return
        entry.state = "active"
        heapq.heappush(self._active, (-entry.pod.priority, entry.arrived, entry.pod.uid))

    def _wait(self, entry: _Entry, state: Literal["backoff", "parked"], ready_at: float) -> None:
        entry.state = state
        entry.ready_at = ready_at
        if state == "parked":
            self._parked.add(entry.pod.uid)
        else:
            self._parked.discard(entry.pod.uid)
        heapq.heappush(self._timed, (ready_at, entry.pod.uid))

    def _stale(self, at: float, uid: str) -> bool:
        entry = self._entries.get(uid)
        return entry is None or entry.state not in ("backoff", "parked") or entry.ready_at != at

    def _wake(self, now: float) -> None:
        while self._timed and self._timed[0][0] <= now:
            at, uid = heapq.heappop(self._timed)
            if not self._stale(at, uid):
                self._activate(self._entries[uid])


def _asks(pod: PodInfo) -> tuple[object, ...]:
    """The parts of a pod whose change may make it fit."""
    return (
        pod.labels,
        pod.requests,
        pod.tolerations,
        pod.gated,
        pod.node_selector,
        pod.affinity,
        pod.spread,
        pod.priority,
    )
