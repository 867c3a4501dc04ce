"""Priority levels and their seats, with what levels lend each other."""

from __future__ import annotations

import asyncio
import math
from asyncio import Future
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping

from grappe.api import Object

_SHARES = 30


class Level:
    """One priority level. `seats` are its own, of which it lends all but `kept`; with what others
    lend it takes `most`. A flow waits in a queue of its own, `longest` requests at most."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.uid = ""
        self.seats = self.kept = self.most = self.longest = 0
        self.taken = 0
        self.queues: OrderedDict[str, deque[Future[None]]] = OrderedDict()

    @property
    def waiting(self) -> int:
        return sum(map(len, self.queues.values()))

    @property
    def held(self) -> int:
        """Seats that nobody else can have now."""
        return max(self.taken, self.kept)

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


class Seats:
    """All levels with limits, by name, and how many of `total` seats are taken."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._levels: dict[str, Level] = {}
        self._queued: set[Level] = set()
        self._held = 0

    def __iter__(self) -> Iterator[Level]:
        return iter(self._levels.values())

    def get(self, name: str) -> Level | None:
        return self._levels.get(name)

    def configure(self, objects: Mapping[str, Object]) -> None:
        """The PriorityLevelConfigurations there are, by name. Levels that go on keep who sits and
        waits in them; who waits in one that is gone may sit down."""
        limits = {
            name: (obj.get("spec") or {}).get("limited") or {}
            for name, obj in objects.items()
            if (obj.get("spec") or {}).get("type") != "Exempt"
        }
        shares = dict.fromkeys(limits, _SHARES)
        for name, limit in limits.items():
            if limit.get("nominalConcurrencyShares") is not None:
                shares[name] = limit["nominalConcurrencyShares"]
        total = sum(shares.values()) or 1
        levels: dict[str, Level] = {}
        for name, limit in limits.items():
            level = levels[name] = self._levels.get(name) or Level(name)
            level.uid = objects[name]["metadata"].get("uid", "")
            level.seats = seats = math.ceil(self._total * shares[name] / total)
            level.kept = seats - round(seats * (limit.get("lendablePercent") or 0) / 100)
            borrows = limit.get("borrowingLimitPercent")
            level.most = self._total if borrows is None else seats + round(seats * borrows / 100)
            queuing = (limit.get("limitResponse") or {}).get("queuing") or {}
            level.longest = queuing.get("queueLengthLimit", 0) * queuing.get("handSize", 0)
        gone = [level for name, level in self._levels.items() if name not in levels]
        self._levels = levels
        self._held = sum(level.held for level in levels.values())
        for level in gone:
            while (waiter := level.next()) is not None:
                self._sit(level)
                waiter.set_result(None)
        self._queued = {level for level in levels.values() if level.queues}
        self._call()

    def take(self, level: Level) -> bool:
        """Whether the request, whose flow waits for nobody, has a seat now."""
        if level.queues or not self._has_room(level):
            return False
        self._sit(level)
        return True

    def queue(self, level: Level, flow: str) -> Future[None] | None:
        """What to wait for until there is a seat; None when too many of the flow wait."""
        queue = level.queues.get(flow)
        if queue is None:
            queue = deque()
        if len(queue) >= level.longest:
            return None
        waiter: Future[None] = asyncio.get_running_loop().create_future()
        queue.append(waiter)
        level.queues[flow] = queue
        self._queued.add(level)
        return waiter

    def leave(self, level: Level) -> None:
        if level.taken > level.kept and self._levels.get(level.name) is level:
            self._held -= 1
        level.taken -= 1
        if self._queued:
            self._call()

    def _has_room(self, level: Level) -> bool:
        """A level has its own seats, and those that others lend and do not use."""
        if level.taken < level.seats:
            return True
        return level.taken < level.most and self._held < self._total

    def _call(self) -> None:
        """Give free seats to those who wait; first in levels that have seats of their own."""
        for level in sorted(self._queued, key=lambda level: level.taken >= level.seats):
            while level.queues and self._has_room(level):
                waiter = level.next()
                if waiter is not None:
                    self._sit(level)
                    waiter.set_result(None)
            if not level.queues:
                self._queued.discard(level)

    def _sit(self, level: Level) -> None:
        """One more of the level's seats is taken."""
        level.taken += 1
        if level.taken > level.kept and self._levels.get(level.name) is level:
            self._held += 1
