"""Cron schedules: when one fires next. Pure.

Five fields (minute, hour, day of month, month, day of week) with `*`, lists, ranges, steps and
English names; `@yearly`, `@monthly`, `@weekly`, `@daily`, `@hourly`; `@every 1h30m`. As in cron,
when both days are restricted either one is enough.
https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(h|ms|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_HORIZON = timedelta(days=5 * 366)
"""Beyond this a schedule (31 February) never fires."""


class ScheduleError(ValueError):
    """The text is not a schedule, or the time zone is not known."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """`every` in seconds, or the sets of matching values."""

    zone: tzinfo
    every: float = 0.0
    minutes: frozenset[int] = frozenset()
    hours: frozenset[int] = frozenset()
    days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    either_day: bool = False

    def next_after(self, moment: float) -> float | None:
        """The first time after `moment`, in seconds since the epoch; None when there is none."""
        if self.every:
            return float(int(moment) + max(1, int(self.every)))
        at = datetime.fromtimestamp(moment, UTC).replace(second=0, microsecond=0)
        at += timedelta(minutes=1)
        end = at + _HORIZON
        while at < end:
            local = at.astimezone(self.zone)
            if local.month not in self.months or not self._day_matches(local):
                at = self._midnight_after(local)
            elif local.hour not in self.hours:
                at += timedelta(minutes=60 - local.minute)
            elif local.minute not in self.minutes:
                at += timedelta(minutes=1)
            else:
                return at.timestamp()
        return None

    def _day_matches(self, local: datetime) -> bool:
        by_month = local.day in self.days
        by_week = (local.weekday() + 1) % 7 in self.weekdays
        return (by_month or by_week) if self.either_day else (by_month and by_week)

    def _midnight_after(self, local: datetime) -> datetime:
        following = local.date() + timedelta(days=1)
        midnight = datetime(following.year, following.month, following.day, tzinfo=self.zone)
        return max(midnight.astimezone(UTC), local.astimezone(UTC) + timedelta(minutes=1))


def parse(text: str, time_zone: str | None = None) -> Schedule:
    """Read a schedule; times are UTC unless a zone is named."""
    zone = _zone(time_zone) if time_zone else UTC
    text = text.strip()
    if not text:
        raise ScheduleError("empty spec string")
    if text.startswith("@every "):
        return Schedule(zone, every=_duration(text))
    if text.startswith("@") and text.lower() not in _MACROS:
        raise ScheduleError(f"unrecognized descriptor: {text}")
    fields = _MACROS.get(text.lower(), text).split()
    if len(fields) != 5:
        raise ScheduleError(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    minutes, hours, days, months, weekdays = fields
    free = ("*", "?")
    return Schedule(
        zone,
        minutes=_field(minutes, 0, 59),
        hours=_field(hours, 0, 23),
        days=_field(days, 1, 31),
        months=_field(months, 1, 12, _MONTHS),
        weekdays=_field(weekdays, 0, 6, _DAYS),
        either_day=not (days.startswith(free) or weekdays.startswith(free)),
    )


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo  # few schedules name a zone

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ScheduleError(f"unknown time zone {name}") from error


def _duration(text: str) -> float:
    written = text.removeprefix("@every ").strip()
    parts = _DURATION.findall(written)
    if not parts or "".join(n + u for n, u in parts) != written:
        why = f'time: invalid duration "{written}"'
        raise ScheduleError(f"failed to parse duration {text}: {why}")
    return sum(float(n) * _UNITS[u] for n, u in parts)


def _field(text: str, low: int, high: int, names: list[str] | None = None) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        if part:
            found |= _range(part, low, high, names)
    return frozenset(found)


def _range(part: str, low: int, high: int, names: list[str] | None) -> set[int]:
    """One element of a list, such as `*/5` or `mon-fri`; the words are those of Kubernetes'
    own parser."""
    span, *steps = part.split("/")
    ends = span.split("-")
    if ends[0] in ("*", "?"):
        first, last = low, high
    else:
        first = last = _number(ends[0], names)
        if len(ends) == 2:
            last = _number(ends[1], names)
        elif len(ends) > 2:
            raise ScheduleError(f"too many hyphens: {part}")
    step = 1
    if len(steps) == 1:
        step = _number(steps[0], None)
        if len(ends) == 1:
            last = high
    elif steps:
        raise ScheduleError(f"too many slashes: {part}")
    if first < low:
        raise ScheduleError(f"beginning of range ({first}) below minimum ({low}): {part}")
    if last > high:
        raise ScheduleError(f"end of range ({last}) above maximum ({high}): {part}")
    if first > last:
        raise ScheduleError(f"beginning of range ({first}) beyond end of range ({last}): {part}")
    if step == 0:
        raise ScheduleError(f"step of range should be a positive number: {part}")
    return set(range(first, last + 1, step))


def _number(text: str, names: list[str] | None) -> int:
    if names and text.lower() in names:
        return names.index(text.lower()) + (1 if names is _MONTHS else 0)
    if not text.isdigit() or not text.isascii() or len(text) > 18:
        why = f'strconv.Atoi: parsing "{text}": invalid syntax'
        raise ScheduleError(f"failed to parse int from {text}: {why}")
    return int(text)
