"""Which flow a request belongs to, and whether it must wait: for a seat, or for its turn."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from typing import NamedTuple

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import Resource, builtin_kind
from grappe.apiserver.auth.names import MASTERS
from grappe.apiserver.flowcontrol.levels import Level, Seats
from grappe.apiserver.flowcontrol.objects import mandatory
from grappe.apiserver.flowcontrol.schemas import FlowSchema, classify
from grappe.apiserver.flowcontrol.turns import FREE, Line, Turns
from grappe.apiserver.http.messages import User
from grappe.apiserver.records import body_of
from grappe.apiserver.registry.interface import RequestInfo
from grappe.base.metrics import Counter, Gauge, Registry
from grappe.store.interface import Event, Store, Subscription

SEATS = 64
"""Writes under way at once, over all levels: about six milliseconds of the loop's time."""
LONG_LIST = 1_000
"""Objects of a resource from which a list without a limit needs a seat."""

_LONGEST_WAIT = 15.0
"""Seconds after which a request gives up waiting for a seat."""
_REMEMBERED = 10_000
_WRITES = frozenset(("create", "update", "patch", "delete", "deletecollection"))
_CONNECTS = frozenset(("exec", "attach", "portforward", "proxy"))


def _builtin(kind: str) -> Resource:
    found = builtin_kind("flowcontrol.apiserver.k8s.io/v1", kind)
    assert found is not None
    return found


FLOW_SCHEMAS, LEVELS = _builtin("FlowSchema"), _builtin("PriorityLevelConfiguration")


class Flow(NamedTuple):
    """Where a request belongs. `level` is None when it is exempt; `headers` are lines of the
    answer's head that name schema and level, `labels` what is counted under."""

    level: Level | None
    name: str
    headers: str
    line: Line
    labels: tuple[str, str] = ("", "")


class Takes(Enum):
    """What a request needs before it is worked on."""

    NOTHING = 0
    TURN = 1
    SEAT = 2
    SEAT_IF_LONG = 3


_NO_FLOW = Flow(None, "", "", Line())


def takes(flow: Flow, info: RequestInfo) -> Takes:
    """What a request of this kind takes, whatever is in it."""
    if flow.level is None:
        return Takes.NOTHING
    if info.served is not None:
        if info.verb in _WRITES and info.subresource not in _CONNECTS:
            return Takes.SEAT
        if info.verb == "list":
            return Takes.SEAT_IF_LONG
    return Takes.TURN


class FlowControl:
    """`flow` of each request; `turn` before what is answered at once, `take` or `wait` before
    work that takes time and `leave` after it. `start` reads what is stored, and its changes are
    followed."""

    def __init__(self, store: Store, registry: Registry, seats: int = SEATS) -> None:
        self._store = store
        self._seats = Seats(seats)
        self._turns = Turns()
        self._schemas: list[FlowSchema] = []
        self._exempt: dict[str, str] = {}  # names and uids of levels without limits
        self._masters = _NO_FLOW
        self._found: dict[tuple[object, ...], Flow] = {}
        self._lines: dict[str, Line] = {}
        self._subscriptions: list[Subscription] = []
        self._listeners: list[Callable[[], None]] = []
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
            ("apiserver_flowcontrol_lower_limit_seats", "Seats a level never lends.", "kept"),
            ("apiserver_flowcontrol_upper_limit_seats", "Seats with all it borrows.", "most"),
        ):
            registry.add(Gauge(name, told, ("priority_level",), partial(self._tell, field)))

    def _tell(self, field: str) -> list[tuple[tuple[str], float]]:
        return [((level.name,), getattr(level, field)) for level in self._seats]

    def start(self) -> None:
        self._read()
        for resource in (FLOW_SCHEMAS, LEVELS):
            self._subscriptions.append(
                self._store.watch(resource.bucket, self._store.revision, self._changed)
            )

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever requests may belong elsewhere than before."""
        self._listeners.append(listener)

    def stop(self) -> None:
        for subscription in self._subscriptions:
            subscription.cancel()
        self._subscriptions.clear()

    def _changed(self, events: Sequence[Event]) -> None:
        self._read()

    def _read(self) -> None:
        """What is stored; a mandatory object that is not counts all the same, and a schema whose
        level does not exist not at all."""
        self._found.clear()
        levels = self._objects(LEVELS)
        self._seats.configure(levels)
        self._exempt = {
            name: obj["metadata"].get("uid", "")
            for name, obj in levels.items()
            if (obj.get("spec") or {}).get("type") == "Exempt"
        }
        schemas = map(FlowSchema.of, self._objects(FLOW_SCHEMAS).values())
        self._schemas = sorted(schema for schema in schemas if schema.level in levels)
        exempt = next(schema for schema in self._schemas if schema.name == "exempt")
        self._masters = Flow(None, "exempt", self._headers(exempt), Line())
        for listener in self._listeners:
            listener()

    def _objects(self, resource: Resource) -> dict[str, Object]:
        """By name."""
        found = {o["metadata"]["name"]: o for o in mandatory() if o["kind"] == resource.kind}
        for record in self._store.list(resource.bucket):
            found[record.key] = body_of(record)
        return found

    def _headers(self, schema: FlowSchema) -> str:
        level = self._seats.get(schema.level)
        uid = self._exempt.get(schema.level, "") if level is None else level.uid
        return (
            f"X-Kubernetes-PF-FlowSchema-UID: {schema.uid}\r\n"
            f"X-Kubernetes-PF-PriorityLevel-UID: {uid}\r\n"
        )

    # -- every request ---------------------------------------------------------------------------
    def flow(self, user: User, info: RequestInfo) -> Flow:
        """Where the request belongs; a repeated question costs one look-up."""
        if MASTERS in user.groups:  # no other schema comes before theirs
            return self._masters
        key = (
            user.name,
            user.groups,
            info.verb,
            info.group,
            info.plural,
            info.subresource,
            info.namespace,
            "" if info.resource_request else info.path,
        )
        return self._found.get(key) or self._classify(key, user, info)

    def _classify(self, key: tuple[object, ...], user: User, info: RequestInfo) -> Flow:
        schema = classify(self._schemas, user, info)
        if schema is None:
            return _NO_FLOW
        level = self._seats.get(schema.level)
        name = f"{schema.name}/{schema.flow(user, info)}"
        if len(self._found) >= _REMEMBERED:
            self._found.clear()
            self._lines.clear()
        line = self._lines.setdefault(name, Line())
        labels = (schema.name, schema.level)
        found = self._found[key] = Flow(level, name, self._headers(schema), line, labels)
        return found

    def turn(self, flow: Flow) -> Future[None] | None:
        """What to wait for before a request is answered that needs no seat; None: nothing."""
        line = flow.line
        line.answered += 1
        return None if line.answered <= FREE else self._turns.wait(line)

    def is_long(self, info: RequestInfo) -> bool:
        """Whether a list has to answer with so many objects that it needs a seat."""
        if info.query and "limit" in info.query:
            return False
        return info.served is not None and self._store.count(info.served.bucket) > LONG_LIST

    # -- seats -----------------------------------------------------------------------------------
    def take(self, flow: Flow) -> bool:
        """Whether there is a seat at once, to be given to `leave`; else `wait`."""
        level = flow.level
        if level is None or not self._seats.take(level):
            return False
        self._dispatched.inc(flow.labels)
        return True

    async def wait(self, flow: Flow) -> None:
        """Return once there is a seat, to be given to `leave`; ApiError 429 when too many of the
        same flow wait already, or the wait is too long."""
        level = flow.level
        assert level is not None
        waiter = self._seats.queue(level, flow.name)
        if waiter is None:
            self._rejected.inc((*flow.labels, "queue-full"))
            raise too_many_requests()
        try:
            async with asyncio.timeout(_LONGEST_WAIT):
                await waiter
        except (asyncio.CancelledError, TimeoutError) as error:
            if waiter.done() and not waiter.cancelled():
                self._seats.leave(level)
            if isinstance(error, TimeoutError):
                self._rejected.inc((*flow.labels, "time-out"))
                raise too_many_requests() from None
            raise
        self._dispatched.inc(flow.labels)

    def leave(self, flow: Flow) -> None:
        if flow.level is not None:
            self._seats.leave(flow.level)


def too_many_requests() -> ApiError:
    return ApiError(
        429,
        "TooManyRequests",
        "Too many requests, please try again later.",
        {"retryAfterSeconds": 1},
        [("Retry-After", "1")],
    )
