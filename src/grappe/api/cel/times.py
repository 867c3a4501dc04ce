"""Parts of timestamps and durations: `getFullYear()`, `getHours()`…"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from grappe.api.cel.registry import implement
from grappe.api.cel.values import NANO, CelError, Duration, Timestamp

_OFFSET = re.compile(r"([+-]?)(\d{1,2}):(\d{2})")


def _local(time: Timestamp, zone: str) -> datetime:
    moment = time.moment()
    if zone in ("", "UTC"):
        return moment
    offset = _OFFSET.fullmatch(zone)
    if offset is not None:
        sign = -1 if offset[1] == "-" else 1
        shift = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return moment.astimezone(timezone(sign * shift))
    try:
        return moment.astimezone(ZoneInfo(zone))
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise CelError(f"unknown time zone {zone}") from None


def _part(name: str, read: Callable[[datetime], int]) -> None:
    implement(name, 1, Timestamp)(lambda time: read(time.moment()))
    implement(name, 2, Timestamp)(lambda time, zone: read(_local(time, zone)))


_part("getFullYear", lambda at: at.year)
_part("getMonth", lambda at: at.month - 1)
_part("getDate", lambda at: at.day)
_part("getDayOfMonth", lambda at: at.day - 1)
_part("getDayOfWeek", lambda at: at.isoweekday() % 7)
_part("getDayOfYear", lambda at: at.timetuple().tm_yday - 1)
_part("getHours", lambda at: at.hour)
_part("getMinutes", lambda at: at.minute)
_part("getSeconds", lambda at: at.second)
_part("getMilliseconds", lambda at: at.microsecond // 1000)


def _total(name: str, unit: int) -> None:
    """Whole units of a duration, towards zero."""
    implement(name, 1, Duration)(
        lambda span: abs(span.nanos) // unit * (-1 if span.nanos < 0 else 1)
    )


_total("getHours", 3600 * NANO)
_total("getMinutes", 60 * NANO)
_total("getSeconds", NANO)
implement("getMilliseconds", 1, Duration)(lambda span: span.nanos // 1_000_000 % 1000)
