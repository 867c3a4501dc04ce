"""Time as a value that can be passed in, so that decisions can be tested and replayed."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal, Protocol


class Clock(Protocol):
    """Where the current time comes from."""

    def now(self) -> float:
        """Seconds since the epoch. May jump either way: machines are set right, or wrong."""
        ...

    def elapsed(self) -> float:
        """Seconds that have passed since some moment, however the clock is set: for how long
        something has been waited for or not been heard of."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        return time.time()

    def elapsed(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start
        self._elapsed = 0.0

    def now(self) -> float:
        return self._now

    def elapsed(self) -> float:
        return self._elapsed

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
        self._elapsed += seconds

    def jump(self, seconds: float) -> None:
        """Set it forward, or back, without any time passing."""
        self._now += seconds


def rfc3339(timestamp: float) -> str:
    """`metav1.Time`: whole seconds in UTC, as in `2026-01-31T12:00:00Z`."""
    return _whole_second(int(timestamp))


@lru_cache(maxsize=256)
def _whole_second(timestamp: int) -> str:
    """Many objects are stamped in one second."""
    return utc_text(datetime.fromtimestamp(timestamp, UTC), "seconds")


def rfc3339_micro(timestamp: float) -> str:
    """`metav1.MicroTime`: microseconds in UTC, as in `2026-01-31T12:00:00.000000Z`."""
    return utc_text(datetime.fromtimestamp(timestamp, UTC), "microseconds")


def utc_text(moment: datetime, precision: Literal["seconds", "microseconds"]) -> str:
    """A moment in UTC as RFC 3339; `strftime` writes the year 1 without its zeros."""
    return moment.isoformat(timespec=precision)[: -len("+00:00")] + "Z"


def parse_rfc3339(text: str) -> float:
    """Seconds since the epoch of a `Time` or `MicroTime`; ValueError when it is neither."""
    return datetime.fromisoformat(text).timestamp()
