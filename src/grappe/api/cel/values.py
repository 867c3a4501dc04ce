"""The values CEL expressions work with, and what holds between any two of them.

null, bool, int, double, string, bytes, list and map are Python's own; bool is never an int here.
https://github.com/google/cel-spec/blob/master/doc/langdef.md#values
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from grappe.base.clock import utc_text
from grappe.base.turns import paced

NANO = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d{2}:\d{2})"
)
_SPAN = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": NANO,
    "m": 60 * NANO,
    "h": 3600 * NANO,
}


class EvaluationError(Exception):
    """An expression came to no value; the message is cel-go's."""


class CelError(EvaluationError):
    """The expression has no value. `&&` and `||` forgive it where the other side decides."""


class CostExceeded(EvaluationError):
    """The expression did more than it may; nothing forgives that."""

    def __init__(self) -> None:
        super().__init__("operation cancelled: actual cost limit exceeded")


def no_overload() -> CelError:
    return CelError("no such overload")


class UInt(int):
    """CEL's unsigned integer, distinct from int."""

    __slots__ = ()


class Timestamp:
    """A point in time: nanoseconds since 1970."""

    __slots__ = ("nanos",)

    def __init__(self, nanos: int) -> None:
        self.nanos = nanos

    @classmethod
    def parse(cls, text: str) -> Timestamp:
        """RFC 3339; CelError."""
        found = _TIME.fullmatch(text)
        try:
            if found is None:
                raise ValueError
            day, clock, fraction, zone = found.groups()
            zone = "+00:00" if zone in "Zz" else zone
            whole = datetime.fromisoformat(f"{day}T{clock}{zone}") - _EPOCH
        except (ValueError, OverflowError):
            raise CelError(f"invalid timestamp {text!r}") from None
        seconds = whole.days * 86400 + whole.seconds
        return cls(seconds * NANO + int((fraction or "0").ljust(9, "0")))

    def moment(self) -> datetime:
        """To the microsecond, in UTC."""
        try:
            return _EPOCH + timedelta(microseconds=self.nanos // 1000)
        except OverflowError:
            raise CelError("timestamp overflow") from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timestamp) and other.nanos == self.nanos

    def __hash__(self) -> int:
        return hash(("timestamp", self.nanos))

    def __str__(self) -> str:
        text = utc_text(self.moment(), "seconds")
        fraction = f"{self.nanos % NANO:09d}".rstrip("0")
        return f"{text[:-1]}.{fraction}Z" if fraction else text


class Duration:
    """A length of time in nanoseconds."""

    __slots__ = ("nanos",)

    def __init__(self, nanos: int) -> None:
        if not -(1 << 63) <= nanos < 1 << 63:
            raise CelError("duration overflow")
        self.nanos = nanos

    @classmethod
    def parse(cls, text: str) -> Duration:
        """As Go writes durations, `1h30m`; CelError."""
        body = text.lstrip("+-") if text[:1] in ("+", "-") else text
        exact = at = 0
        while found := _SPAN.match(body, at):
            number, unit = found.groups()
            whole, _, fraction = number.partition(".")
            exact += int(whole or "0") * _UNITS[unit]
            if fraction:
                exact += int(fraction) * _UNITS[unit] // 10 ** len(fraction)
            at = found.end()
        if body == "0":
            return cls(0)
        if at != len(body) or not body:
            raise CelError(f"time: invalid duration {text!r}")
        return cls(-exact if text.startswith("-") else exact)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and other.nanos == self.nanos

    def __hash__(self) -> int:
        return hash(("duration", self.nanos))

    def __str__(self) -> str:
        seconds, rest = divmod(abs(self.nanos), NANO)
        fraction = f"{rest:09d}".rstrip("0")
        sign = "-" if self.nanos < 0 else ""
        return f"{sign}{seconds}.{fraction}s" if fraction else f"{sign}{seconds}s"


class Optional:
    """`optional.of(value)`, or `NONE`."""

    __slots__ = ("_present", "_value")

    def __init__(self, value: Any, present: bool = True) -> None:
        self._value = value
        self._present = present

    @property
    def present(self) -> bool:
        return self._present

    def value(self) -> Any:
        if not self._present:
            raise CelError("optional.none() dereference")
        return self._value


NONE = Optional(None, False)


class TypeValue(str):
    """The value of `type(x)` and of type names such as `int`."""

    __slots__ = ()


class ObjectValue(dict[str, Any]):
    """An object an expression made: `Object.spec{…}` has the `type` Object.spec."""

    type: str = ""


class SetList(list[Any]):
    """A list of type set: order does not matter to `==`, and `+` is a union."""


class MapList(list[Any]):
    """A list of type map: entries are told apart by `keys`; `+` overwrites entries in place."""

    keys: tuple[str, ...] = ()

    def key_of(self, item: Any) -> tuple[Any, ...]:
        return tuple(item.get(k) for k in self.keys) if isinstance(item, dict) else (item,)


_NAMES: dict[type, str] = {
    type(None): "null_type",
    bool: "bool",
    int: "int",
    UInt: "uint",
    float: "double",
    str: "string",
    bytes: "bytes",
    list: "list",
    dict: "map",
    Timestamp: "google.protobuf.Timestamp",
    Duration: "google.protobuf.Duration",
    Optional: "optional_type",
    TypeValue: "type",
    ObjectValue: "map",
    SetList: "list",
    MapList: "list",
}


def type_name(value: Any) -> str:
    """As `type(value)` prints."""
    found = _NAMES.get(type(value))
    return found if found is not None else str(getattr(value, "cel_type", "unknown"))


_PLAIN = frozenset((str, int, bool, float))
_NUMBERS = (int, float)


def equal(left: Any, right: Any) -> bool:
    """`left == right`: false, not an error, for values of different types."""
    kind = type(left)
    if kind is type(right):
        if kind in _PLAIN:
            return bool(left == right)
        if kind is MapList:
            return _equal_by_key(left, right)
    if isinstance(left, list):
        if not isinstance(right, list) or len(left) != len(right):
            return False
        if isinstance(left, SetList) or isinstance(right, SetList):
            return _same_members(left, right)
        return all(map(equal, paced(left), right))
    if isinstance(left, dict):
        if not isinstance(right, dict) or len(left) != len(right):
            return False
        return all(k in right and equal(v, right[k]) for k, v in paced(left.items()))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS):
        return left == right
    if isinstance(left, Optional) and isinstance(right, Optional):
        if left.present and right.present:
            return equal(left.value(), right.value())
        return left.present == right.present
    return type(left) is type(right) and bool(left == right)


def _same_members(left: Iterable[Any], right: Iterable[Any]) -> bool:
    return set(map(hashed, paced(left))) == set(map(hashed, paced(right)))


def hashed(value: Any) -> Any:
    """Something hashable, the same for two values just when they are `equal`."""
    if isinstance(value, dict):
        return frozenset((key, hashed(entry)) for key, entry in value.items())
    if isinstance(value, list):
        return tuple(map(hashed, value))
    return ("bool", value) if isinstance(value, bool) else value


def _equal_by_key(left: MapList, right: MapList) -> bool:
    if len(left) != len(right):
        return False
    entries = {right.key_of(item): item for item in paced(right)}
    return all(
        (key := left.key_of(item)) in entries and equal(item, entries[key]) for item in paced(left)
    )


def compare(left: Any, right: Any) -> int:
    """Negative, zero or positive; CelError for what has no order."""
    kind = type(left)
    if kind is type(right) and kind in (str, int, float, bytes, bool):
        return bool(left > right) - bool(left < right)
    if isinstance(left, bool) or isinstance(right, bool):
        raise no_overload()
    if isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS):
        return (left > right) - (left < right)
    if isinstance(left, Timestamp | Duration) and type(left) is type(right):
        return (left.nanos > right.nanos) - (left.nanos < right.nanos)
    raise no_overload()
