"""How long to wait before trying again: the kubelet's exponential back-off, time passed in.

10 s, 20 s … 300 s; forgotten once the last trouble lies twice the maximum back
(https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy).
"""

from __future__ import annotations

FIRST, MAXIMUM = 10.0, 300.0
_SKEW = 1.0
"""Seconds a runtime's clock may be before ours."""


class BackOff:
    """One delay for each key (a container, an image)."""

    def __init__(self, first: float = FIRST, maximum: float = MAXIMUM) -> None:
        self._first = first
        self._maximum = maximum
        self._entries: dict[str, tuple[float, float]] = {}

    def _entry(self, key: str, event: float) -> float | None:
        entry = self._entries.get(key)
        if entry is None or event - entry[1] > 2 * self._maximum:
            return None
        return entry[0]

    def delay(self, key: str) -> float:
        """The delay now in force, as messages tell it."""
        entry = self._entries.get(key)
        return entry[0] if entry else 0.0

    def waits_until(self, key: str, event: float, now: float) -> float | None:
        """When the delay counted from `event` (a container's end) is over; None: it is. An event
        yet to come says that the clock was set back, and how long ago it was nobody knows."""
        delay = self._entry(key, event)
        if delay is None or event > now + _SKEW or now - event >= delay:
            return None
        return event + delay

    def next(self, key: str, event: float, now: float) -> None:
        """Something was tried again: double the delay, or begin with the first."""
        delay = self._entry(key, event)
        doubled = self._first if delay is None else min(delay * 2, self._maximum)
        self._entries[key] = (doubled, now)

    def forget(self, key: str) -> None:
        self._entries.pop(key, None)
