from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grappe.api.cron import ScheduleError, parse


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("* * * * *", "2026-01-01 00:00:30", "2026-01-01 00:01"),
        ("*/15 * * * *", "2026-01-01 00:15", "2026-01-01 00:30"),
        ("0 3 * * *", "2026-01-01 03:00", "2026-01-02 03:00"),
        ("30 9-17/4 * * mon-fri", "2026-01-02 18:00", "2026-01-05 09:30"),
        ("0 0 29 feb *", "2026-01-01 00:00", "2028-02-29 00:00"),
        ("0 0 13 * 5", "2026-01-10 00:00", "2026-01-13 00:00"),
        ("0 0 1 1 0", "2026-01-01 00:00", "2026-01-04 00:00"),
        ("@hourly", "2026-01-01 00:00", "2026-01-01 01:00"),
        ("@weekly", "2026-01-01 00:00", "2026-01-04 00:00"),
        ("@every 1h30m", "2026-01-01 00:00", "2026-01-01 01:30"),
        ("5/20 * * * *", "2026-01-01 00:05", "2026-01-01 00:25"),
    ],
)
def test_next(schedule: str, after: str, expected: str) -> None:
    assert parse(schedule).next_after(moment(after)) == moment(expected)


def test_times_are_those_of_the_zone_also_when_clocks_change() -> None:
    schedule = parse("30 3 * * *", "Europe/Paris")
    before = schedule.next_after(moment("2026-03-28 00:00"))
    assert before == moment("2026-03-28 02:30")
    assert schedule.next_after(before) == moment("2026-03-29 01:30")


def test_a_day_that_never_comes() -> None:
    assert parse("0 0 31 2 *").next_after(moment("2026-01-01 00:00")) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "60 * * * *",
        "* * 0 * *",
        "a * * * *",
        "5-1 * * * *",
        "* * * * 7",
        "1-2-3 * * * *",
        "*/2/2 * * * *",
        "@fortnightly",
        "*/0 * * * *",
        "@every x",
    ],
)
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(ScheduleError):
        parse(text)


def test_an_unknown_zone() -> None:
    with pytest.raises(ScheduleError):
        parse("* * * * *", "Mars/Olympus")


fields = st.tuples(
    st.sampled_from(["*", "0", "*/7", "1,30", "10-20"]),
    st.sampled_from(["*", "3", "*/5", "22-23"]),
    st.sampled_from(["*", "1", "13", "28-31"]),
    st.sampled_from(["*", "2", "1-6/2"]),
    st.sampled_from(["*", "0", "mon-wed", "6"]),
)


@settings(max_examples=60, deadline=None)
@given(fields, st.integers(0, 60 * 24 * 365))
def test_it_is_the_first_minute_that_matches(parts: tuple[str, ...], offset: int) -> None:
    schedule = parse(" ".join(parts))
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=offset)
    found = schedule.next_after(start.timestamp())
    assert found is not None

    def matches(at: datetime) -> bool:
        by_month = at.day in schedule.days
        by_week = at.isoweekday() % 7 in schedule.weekdays
        free = parts[2] == "*" or parts[4] == "*"
        day = (by_month and by_week) if free else (by_month or by_week)
        return (
            at.minute in schedule.minutes
            and at.hour in schedule.hours
            and at.month in schedule.months
            and day
        )

    end = datetime.fromtimestamp(found, UTC)
    assert matches(end)
    at = start + timedelta(minutes=1)
    looked = 0
    while at < end and looked < 5000:
        assert not matches(at)
        at += timedelta(minutes=1)
        looked += 1
