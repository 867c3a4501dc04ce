"""Seats for writes and long lists: given out by priority level, in turn to the flows that wait."""

from __future__ import annotations

import asyncio
import math
from asyncio import Future
from collections import OrderedDict, deque
from collections.abc import Sequence
from functools import partial
from typing import Any

import orjson

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import builtin_kind
from grappe.apiserver.auth.names import MASTERS
from grappe.apiserver.flowcontrol.schemas import FlowSchema, classify
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.interface import RequestInfo
from grappe.base.metrics import Counter, Gauge, Registry
from grappe.store.interface import Event, Store, Subscription

SEATS = 64
"""Writes under way at once, over all levels: about six milliseconds of the loop's time."""
LONG_LIST = 1_000
"""Objects of a resource from which a list without a limit needs a seat."""

_REMEMBERED = 10_000
_WRITES = frozenset(("create", "update", "patch", "delete", "deletecollection"))
_CONNECTS = frozenset(("exec", "attach", "portforward", "proxy"))


def _builtin(kind: str) -> Any:
    found = builtin_kind("flowcontrol.apiserver.k8s.io/v1", kind)
    assert found is not None
    return found


_SCHEMAS, _LEVELS = _builtin("FlowSchema"), _builtin("PriorityLevelConfiguration")


class Level:
    """One priority level. A flow waits in a queue of its own, `longest` requests at most."""

    def __init__(self, name: str, seats: int, longest: int) -> None:
        self.name = name
        self.seats = seats
        self.longest = longest
        self.taken = 0
        self.queues: OrderedDict[str, deque[Future[None]]] = OrderedDict()

    @property
    def waiting(self) -> int:
        return sum(map(len, self.queues.values()))

    def next(self) -> Future[None] | None:
        """Whose turn it is: one request of each flow after the other."""
        while self.queues:
            flow, queue = self.queues.popitem(last=False)
            found = queue.popleft()
            if queue:
                self.queues[flow] = queue
            if not found.done():
                return found
        return None


class FlowControl:
    """`seat` before work that takes time, `leave` after it. `start` reads what is stored and
    follows its changes."""

    def __init__(self, store: Store, registry: Registry, seats: int = SEATS) -> None:
        self._store = store
        self._seats = seats
        self._taken = 0
        self._schemas: list[FlowSchema] = []
        self._levels: dict[str, Level | None] = {}  # None: exempt
        self._found: dict[tuple[object, ...], tuple[Level | None, str, str]] = {}
        self._subscriptions: list[Subscription] = []
        labels = ("flow_schema", "priority_level")
        self._dispatched = registry.add(
            Counter("apiserver_flowcontrol_dispatched_requests_total", "Given a seat.", labels)
        )
        self._rejected = registry.add(
            Counter(
                "apiserver_flowcontrol_rejected_requests_total",
                "Refused, because too many wait.",
                (*labels, "reason"),
            )
        )
        for name, told, field in (
            ("apiserver_flowcontrol_current_executing_seats", "Seats taken.", "taken"),
            ("apiserver_flowcontrol_current_inqueue_requests", "Requests waiting.", "waiting"),
            ("apiserver_flowcontrol_nominal_limit_seats", "Seats of a level.", "seats"),
        ):
            registry.add(Gauge(name, told, ("priority_level",), partial(self._tell, field)))

    def _tell(self, field: str) -> list[tuple[tuple[str], float]]:
        levels = [level for level in self._levels.values() if level is not None]
        return [((level.name,), getattr(level, field)) for level in levels]

    def start(self) -> None:
        self._read()
        for resource in (_SCHEMAS, _LEVELS):
            self._subscriptions.append(
                self._store.watch(resource.bucket, self._store.revision, self._changed)
            )

    def stop(self) -> None:
        for subscription in self._subscriptions:
            subscription.cancel()
        self._subscriptions.clear()

    def _changed(self, events: Sequence[Event]) -> None:
        self._read()

    def _read(self) -> None:
        """Levels that go on keep who sits and waits in them."""
        self._found.clear()
        objects = [self._load(record.body) for record in self._store.list(_SCHEMAS.bucket)]
        self._schemas = sorted(map(FlowSchema.of, objects))
        specs: dict[str, Object] = {}
        for record in self._store.list(_LEVELS.bucket):
            specs[record.key] = self._load(record.body).get("spec") or {}
        limits = {name: spec.get("limited") or {} for name, spec in specs.items()}
        shares = {name: limit.get("nominalConcurrencyShares", 30) for name, limit in limits.items()}
        limited = [name for name, spec in specs.items() if spec.get("type") != "Exempt"]
        total = sum(shares[name] for name in limited) or 1
        levels: dict[str, Level | None] = dict.fromkeys(specs.keys() - limited)
        for name in limited:
            level = self._levels.get(name) or Level(name, 0, 0)
            level.seats = math.ceil(self._seats * shares[name] / total)
            queuing = (limits[name].get("limitResponse") or {}).get("queuing") or {}
            level.longest = queuing.get("queueLengthLimit", 0) * queuing.get("handSize", 0)
            levels[name] = level
        for name, gone in self._levels.items():
            if gone is not None and levels.get(name) is None:
                while (waiter := gone.next()) is not None:
                    self._sit(gone, waiter)
        self._levels = levels

    @staticmethod
    def _load(body: bytes) -> Object:
        found: Object = orjson.loads(b"{" + body)
        return found

    # -- seats -----------------------------------------------------------------------------------
    def needs_seat(self, user: User, info: RequestInfo) -> bool:
        """Whether the request must ask for one: the quick question of every request."""
        if MASTERS in user.groups:
            return False
        if info.verb in _WRITES:
            return info.subresource not in _CONNECTS
        if info.verb != "list" or info.served is None:
            return False
        long = self._store.count(info.served.bucket) > LONG_LIST
        return long and not (info.query and "limit" in info.query)

    async def seat(self, user: User, info: RequestInfo) -> Level | None:
        """Return once there is a seat, to be given to `leave`; ApiError 429 when too many of the
        same flow wait already. None: the request is exempt."""
        level, schema, flow = self._classified(user, info)
        if level is None:
            return None
        labels = (schema, level.name)
        if not level.queues and self._has_room(level):
            level.taken += 1
            self._taken += 1
        else:
            queue = level.queues.get(flow)
            if queue is None:
                queue = deque()
            if len(queue) >= level.longest:
                self._rejected.inc((*labels, "queue-full"))
                raise too_many_requests()
            waiter: Future[None] = asyncio.get_running_loop().create_future()
            queue.append(waiter)
            level.queues[flow] = queue
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self.leave(level)
                raise
        self._dispatched.inc(labels)
        return level

    def leave(self, level: Level) -> None:
        level.taken -= 1
        self._taken -= 1
        if level.queues and self._has_room(level):
            self._call(level)
        for other in self._levels.values():
            if other is not None and other.queues and self._has_room(other):
                self._call(other)

    def _has_room(self, level: Level) -> bool:
        """A level has its own seats, and those that nobody else needs."""
        return level.taken < level.seats or self._taken < self._seats

    def _call(self, level: Level) -> None:
        waiter = level.next()
        if waiter is not None:
            self._sit(level, waiter)

    def _sit(self, level: Level, waiter: Future[None]) -> None:
        level.taken += 1
        self._taken += 1
        waiter.set_result(None)

    def _classified(self, user: User, info: RequestInfo) -> tuple[Level | None, str, str]:
        """Level, name of the schema, and flow."""
        key = (
            user.name,
            user.groups,
            info.verb,
            info.group,
            info.plural,
            info.subresource,
            info.namespace,
        )
        found = self._found.get(key)
        if found is None:
            schema = classify(self._schemas, user, info)
            level = self._levels.get(schema.level) if schema else None
            name, flow = (schema.name, schema.flow(user, info)) if schema else ("", "")
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            found = self._found[key] = (level, name, f"{name}/{flow}")
        return found


def too_many_requests() -> ApiError:
    return ApiError(
        429,
        "TooManyRequests",
        "Too many requests, please try again later.",
        {"retryAfterSeconds": 1},
        [("Retry-After", "1")],
    )
