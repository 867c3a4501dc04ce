"""Tell the user what happened: Event objects, correlated as client-go does.

A repeated event raises the count of the first; from the tenth on, within ten minutes, events of
one reason about one object that differ only in their message become one ("combined from similar
events"); an object's events are limited to 25 at once and then one in five minutes.
https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import EVENTS
from grappe.base.clock import Clock, SystemClock, rfc3339
from grappe.client.interface import Client, TransportError

log = logging.getLogger(__name__)

_REMEMBERED = 4096
_WAITING = 1000
_SIMILAR_LIMIT = 10
_SIMILAR_SECONDS = 600.0
_BURST = 25.0
_REFILL_SECONDS = 300.0
_MESSAGE_LIMIT = 1024

V = TypeVar("V")


class _Lru(OrderedDict[Any, V], Generic[V]):
    """Forgets what was used longest ago."""

    def keep(self, key: Any, value: V) -> None:
        self[key] = value
        self.move_to_end(key)
        if len(self) > _REMEMBERED:
            self.popitem(last=False)


@dataclass(slots=True)
class _Similar:
    """Messages seen of one reason about one object."""

    last: float
    messages: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    last: float


@dataclass(slots=True)
class _Written:
    """An Event that exists, or is about to."""

    name: str
    count: int


class Correlator:
    """Decides what one more event becomes; knows nothing of the network."""

    def __init__(self) -> None:
        self._similar: _Lru[_Similar] = _Lru()
        self._buckets: _Lru[_Bucket] = _Lru()
        self._written: _Lru[_Written] = _Lru()

    def correlate(self, event: Object, now: float) -> tuple[Object, Object | None] | None:
        """The Event to create, and the merge patch for the earlier one when there is one; None:
        drop it. The name to patch is that of the returned Event."""
        subject = _subject(event)
        if not self._take_token(subject, now):
            return None
        event, identity = self._aggregate(event, subject, now)
        earlier = self._written.get(identity)
        if earlier is None:
            self._written.keep(identity, _Written(event["metadata"]["name"], 1))
            return event, None
        earlier.count += 1
        self._written.move_to_end(identity)
        meta = {**event["metadata"], "name": earlier.name}
        event = {**event, "metadata": meta, "count": earlier.count}
        patch = {
            "count": earlier.count,
            "lastTimestamp": event["lastTimestamp"],
            "message": event["message"],
        }
        return event, patch

    def _take_token(self, subject: tuple[str, ...], now: float) -> bool:
        bucket = self._buckets.get(subject) or _Bucket(_BURST, now)
        refilled = bucket.tokens + max(0.0, now - bucket.last) / _REFILL_SECONDS
        bucket.tokens, bucket.last = min(_BURST, refilled), now
        self._buckets.keep(subject, bucket)
        if bucket.tokens < 1.0:
            return False
        bucket.tokens -= 1.0
        return True

    def _aggregate(
        self, event: Object, subject: tuple[str, ...], now: float
    ) -> tuple[Object, tuple[str, ...]]:
        group = (*subject, event["type"], event["reason"])
        similar = self._similar.get(group)
        if similar is None or now - similar.last > _SIMILAR_SECONDS:
            similar = _Similar(now)
        similar.last = now
        similar.messages.add(event["message"])
        self._similar.keep(group, similar)
        if len(similar.messages) < _SIMILAR_LIMIT:
            return event, (*group, event["message"])
        similar.messages = set([*similar.messages][:_SIMILAR_LIMIT])
        combined = f"(combined from similar events): {event['message']}"
        return {**event, "message": combined[:_MESSAGE_LIMIT]}, group


class Recorder:
    """Records events of one component; `instance` is the machine or the process."""

    def __init__(
        self, client: Client, component: str, instance: str = "", *, clock: Clock | None = None
    ) -> None:
        self._client = client
        self._component = component
        self._instance = instance
        self._clock = clock or SystemClock()
        self._correlator = Correlator()
        self._waiting: deque[tuple[Object, Object | None]] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._last_nanos = 0

    def event(
        self,
        obj: Object,
        type: Literal["Normal", "Warning"],
        reason: str,
        message: str,
        *,
        field_path: str = "",
    ) -> None:
        """Record an event about `obj`; returns at once and never raises.

        `field_path` names a part, such as `spec.containers{app}`.
        """
        now = self._clock.now()
        made = self._make(obj, type, reason, message, field_path, now)
        correlated = self._correlator.correlate(made, self._clock.elapsed())
        if correlated is None or len(self._waiting) >= _WAITING:
            return
        self._waiting.append(correlated)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_all(), name=f"events {self._component}")

    async def flush(self) -> None:
        """Wait until everything recorded so far has been sent or given up."""
        if self._sender is not None:
            await asyncio.gather(self._sender, return_exceptions=True)

    def _make(
        self, obj: Object, type: str, reason: str, message: str, field_path: str, now: float
    ) -> Object:
        meta = obj["metadata"]
        about = {
            "kind": obj.get("kind"),
            "namespace": meta.get("namespace"),
            "name": meta["name"],
            "uid": meta.get("uid"),
            "apiVersion": obj.get("apiVersion"),
            "resourceVersion": meta.get("resourceVersion"),
            "fieldPath": field_path,
        }
        # Names are the subject's and a time that is never given twice.
        self._last_nanos = max(int(now * 1e9), self._last_nanos + 1)
        stamp = rfc3339(now)
        source = {"component": self._component, "host": self._instance}
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{meta['name'][:236]}.{self._last_nanos:x}",
                "namespace": meta.get("namespace") or "default",
            },
            "involvedObject": {key: value for key, value in about.items() if value},
            "reason": reason,
            "message": message[:_MESSAGE_LIMIT],
            "source": {key: value for key, value in source.items() if value},
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
            "type": type,
            "eventTime": None,
            "reportingComponent": self._component,
            "reportingInstance": self._instance,
        }

    async def _send_all(self) -> None:
        while self._waiting:
            event, patch = self._waiting.popleft()
            try:
                await self._send(event, patch)
            except (ApiError, TransportError) as error:
                log.debug("event %s of %s not sent: %s", event["reason"], _subject(event), error)
            except Exception:
                log.exception("event %s of %s not sent", event["reason"], _subject(event))

    async def _send(self, event: Object, patch: Object | None) -> None:
        meta = event["metadata"]
        if patch is not None:
            try:
                await self._client.patch(EVENTS, meta["name"], patch, meta["namespace"])
                return
            except ApiError as error:
                if error.code != 404:  # events expire: then it is made anew
                    raise
        await self._client.create(EVENTS, event)


def _subject(event: Object) -> tuple[str, ...]:
    about = event["involvedObject"]
    return tuple(
        str(about.get(key, ""))
        for key in ("kind", "namespace", "name", "uid", "apiVersion", "fieldPath")
    )
