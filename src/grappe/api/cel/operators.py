"""CEL's own operators, conversions and functions.

https://github.com/google/cel-spec/blob/master/doc/langdef.md#list-of-standard-definitions
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from grappe.api.cel.registry import implement
from grappe.api.cel.values import (
    NANO,
    NONE,
    CelError,
    Duration,
    MapList,
    Optional,
    SetList,
    Timestamp,
    TypeValue,
    UInt,
    equal,
    hashed,
    no_overload,
    type_name,
)
from grappe.api.schema.regex import PatternError, go_regex
from grappe.base.turns import paced

_MAX, _MIN = (1 << 63) - 1, -(1 << 63)


def _int(value: int) -> int:
    if _MIN <= value <= _MAX:
        return value
    raise CelError("integer overflow")


def _uint(value: int) -> UInt:
    if 0 <= value < 1 << 64:
        return UInt(value)
    raise CelError("unsigned integer overflow")


def _number(left: Any, right: Any) -> type:
    """The type both operands have; CelError when they are not two numbers of one type."""
    kind = type(left)
    if kind is not type(right) or kind not in (int, float, UInt):
        raise no_overload()
    return kind


def _whole(left: Any, right: Any, value: Callable[[], int]) -> int:
    return _uint(value()) if _number(left, right) is UInt else _int(value())


@implement("_+_", 2)
def add(left: Any, right: Any) -> Any:
    kind = type(left)
    if kind is type(right):
        if kind is int:
            return _int(left + right)
        if kind in (str, float, bytes):
            return left + right
        if kind is UInt:
            return _uint(int(left) + int(right))
        if kind is Duration:
            return Duration(left.nanos + right.nanos)
    if isinstance(left, list) and isinstance(right, list):
        return _joined(left, right)
    if isinstance(left, Timestamp) and isinstance(right, Duration):
        return Timestamp(left.nanos + right.nanos)
    if isinstance(left, Duration) and isinstance(right, Timestamp):
        return Timestamp(left.nanos + right.nanos)
    raise no_overload()


def _joined(left: list[Any], right: list[Any]) -> list[Any]:
    """https://kubernetes.io/docs/reference/using-api/cel/ on `x-kubernetes-list-type`."""
    if isinstance(left, SetList):
        merged = SetList(left)
        had = set(map(hashed, paced(left)))
        merged.extend(item for item in paced(right) if hashed(item) not in had)
        return merged
    if isinstance(left, MapList):
        by_key = MapList(left)
        by_key.keys = left.keys
        places = {left.key_of(item): index for index, item in enumerate(left)}
        for item in right:
            at = places.get(left.key_of(item))
            if at is None:
                by_key.append(item)
            else:
                by_key[at] = item
        return by_key
    return [*left, *right]


@implement("_-_", 2)
def subtract(left: Any, right: Any) -> Any:
    kind = type(left)
    if kind is int and type(right) is int:
        return _int(left - right)
    if kind is Timestamp and type(right) is Timestamp:
        return Duration(left.nanos - right.nanos)
    if kind is Timestamp and type(right) is Duration:
        return Timestamp(left.nanos - right.nanos)
    if kind is Duration and type(right) is Duration:
        return Duration(left.nanos - right.nanos)
    if _number(left, right) is float:
        return left - right
    return _whole(left, right, lambda: int(left) - int(right))


@implement("_*_", 2)
def multiply(left: Any, right: Any) -> Any:
    if _number(left, right) is float:
        return left * right
    return _whole(left, right, lambda: int(left) * int(right))


@implement("_/_", 2)
def divide(left: Any, right: Any) -> Any:
    if _number(left, right) is float:
        if right:
            return left / right
        return math.nan if not left or math.isnan(left) else math.copysign(math.inf, left * right)
    if right == 0:
        raise CelError("division by zero")
    return _whole(left, right, lambda: _truncated(int(left), int(right)))


def _truncated(left: int, right: int) -> int:
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


@implement("_%_", 2)
def modulo(left: Any, right: Any) -> Any:
    if _number(left, right) is float:
        raise no_overload()
    if right == 0:
        raise CelError("modulus by zero")
    a, b = int(left), int(right)
    return _whole(left, right, lambda: a - b * _truncated(a, b))


@implement("-_", 1)
def negate(value: Any) -> Any:
    if type(value) is int:
        return _int(-value)
    if type(value) is float:
        return -value
    raise no_overload()


@implement("!_", 1)
def negation(value: Any) -> bool:
    if not isinstance(value, bool):
        raise no_overload()
    return not value


implement("_==_", 2)(equal)
implement("_!=_", 2)(lambda left, right: not equal(left, right))


@implement("@in", 2)
def contained(item: Any, container: Any) -> bool:
    if isinstance(container, dict):
        return isinstance(item, str | int) and item in container
    if isinstance(container, list):
        if type(item) is str:
            return item in container
        return any(equal(item, one) for one in paced(container))
    raise no_overload()


def index(container: Any, key: Any) -> Any:
    """`container[key]`; CelError when there is nothing there."""
    if isinstance(container, dict):
        try:
            return container[key]
        except KeyError:
            raise CelError(f"no such key: {text(key)}") from None
        except TypeError:
            raise no_overload() from None
    if isinstance(container, list):
        if isinstance(key, float) and key.is_integer():
            key = int(key)
        if isinstance(key, bool) or not isinstance(key, int):
            raise no_overload()
        if 0 <= key < len(container):
            return container[key]
        raise CelError(f"index out of bounds: {key}")
    if isinstance(container, Optional):
        return optional_index(container, key)
    raise no_overload()


implement("_[_]", 2)(index)


@implement("_[?_]", 2)
def optional_index(container: Any, key: Any) -> Optional:
    """`container[?key]`, of an optional container too."""
    if isinstance(container, Optional):
        if not container.present:
            return NONE
        container = container.value()
    if isinstance(container, dict):
        return Optional(container[key]) if key in container else NONE
    if isinstance(container, list) and isinstance(key, int):
        return Optional(container[key]) if 0 <= key < len(container) else NONE
    raise no_overload()


@implement("size", 1)
def size(value: Any) -> int:
    if isinstance(value, str | bytes | list | dict):
        return len(value)
    raise no_overload()


# -- optionals -----------------------------------------------------------------------------------
implement("optional.of", 1)(Optional)
implement("optional.none", 0)(lambda: NONE)
implement("hasValue", 1, Optional)(lambda found: found.present)
implement("value", 1, Optional)(lambda found: found.value())


@implement("optional.ofNonZeroValue", 1)
def of_non_zero(value: Any) -> Optional:
    return Optional(value) if value else NONE


@implement("optional.unwrap", 1)
@implement("unwrapOpt", 1)
def unwrap(found: Any) -> list[Any]:
    return [one.value() for one in found if one.present]


# -- conversions ---------------------------------------------------------------------------------
def text(value: Any) -> str:
    """`string(value)`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return double_text(value)
    if isinstance(value, int | Timestamp | Duration):
        return str(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise CelError("invalid UTF-8 in bytes, cannot convert to string") from None
    found = getattr(value, "cel_string", None)
    if found is None:
        raise no_overload()
    return str(found())


def double_text(value: float) -> str:
    """The shortest decimal that is this double."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    shown = repr(value)
    return shown.removesuffix(".0") if "e" not in shown else shown


@implement("int", 1)
def to_int(value: Any) -> int:
    if isinstance(value, bool):
        raise no_overload()
    if isinstance(value, int):
        return _int(int(value))
    if isinstance(value, float):
        if not -(2.0**63) < value < 2.0**63:
            raise CelError("integer overflow")
        return int(value)
    if isinstance(value, Timestamp):
        return value.nanos // NANO
    if isinstance(value, str):
        if re.fullmatch(r"[+-]?[0-9]+", value):
            return _int(int(value[:40]))
        raise CelError(f"type conversion error from '{value}' to 'int'")
    raise no_overload()


@implement("uint", 1)
def to_uint(value: Any) -> UInt:
    return _uint(to_int(value))


@implement("double", 1)
def to_double(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise no_overload()
    try:
        return float(value)
    except ValueError:
        raise CelError(f"type conversion error from '{value}' to 'double'") from None


@implement("bool", 1)
def to_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if value in ("1", "t", "T", "true", "TRUE", "True"):
            return True
        if value in ("0", "f", "F", "false", "FALSE", "False"):
            return False
        raise CelError(f"type conversion error from '{value}' to 'bool'")
    raise no_overload()


@implement("bytes", 1)
def to_bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    raise no_overload()


@implement("timestamp", 1)
def to_timestamp(value: Any) -> Timestamp:
    if isinstance(value, Timestamp):
        return value
    if isinstance(value, str):
        return Timestamp.parse(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return Timestamp(value * NANO)
    raise no_overload()


@implement("duration", 1)
def to_duration(value: Any) -> Duration:
    if isinstance(value, Duration):
        return value
    if isinstance(value, str):
        return Duration.parse(value)
    raise no_overload()


implement("type", 1)(lambda value: TypeValue(type_name(value)))
implement("dyn", 1)(lambda value: value)


@implement("matches", 2)
def matches(value: Any, pattern: Any) -> bool:
    if not isinstance(value, str) or not isinstance(pattern, str):
        raise no_overload()
    try:
        return go_regex(pattern).search(value)
    except PatternError as error:
        raise CelError(str(error)) from None
