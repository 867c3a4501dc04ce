"""Where functions are declared: what the checker knows of them, and what runs.

A signature is written as Kubernetes' documentation writes it: `quantity(string) -> Quantity`, or
with its receiver first, `Quantity.isLessThan(Quantity) -> bool`. Names of types begin with a
capital letter when they are Kubernetes' own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias, TypeVar

from grappe.api.cel.values import MapList, SetList, no_overload

Impl: TypeAlias = Callable[..., Any]
_Impl = TypeVar("_Impl", bound=Impl)

_SIGNATURE = re.compile(
    r"(?:(?P<target>[A-Za-z]+(?:\([^.]*\))?)\.)?(?P<name>[\w.<>=]+)\((?P<args>.*)\)"
)


class Overload(NamedTuple):
    """`parameters` begin with the receiver's type when it is a `method`."""

    function: str
    method: bool
    parameters: tuple[str, ...]
    result: str


_declared: list[Overload] = []
_implemented: dict[tuple[str, int], dict[type, Impl]] = {}


def function(*signatures: str, on: type = object) -> Callable[[_Impl], _Impl]:
    """Declare an implementation. `on`: the Python type of its first argument, where functions of
    one name and length differ by it."""

    def register(impl: _Impl) -> _Impl:
        for signature in signatures:
            overload = _read(signature)
            _declared.append(overload)
            implement(overload.function, len(overload.parameters), on)(impl)
        return impl

    return register


def implement(name: str, arity: int, on: type = object) -> Callable[[_Impl], _Impl]:
    """Implement a function that the checker knows by itself."""

    def register(impl: _Impl) -> _Impl:
        table = _implemented.setdefault((name, arity), {})
        table[on] = impl
        if on is list:
            table[SetList] = table[MapList] = impl
        return impl

    return register


def declared() -> Iterator[Overload]:
    return iter(_declared)


def implementation(name: str, arity: int) -> Impl | None:
    """What runs for `name` with so many arguments, the receiver counted; None: nothing."""
    table = _implemented.get((name, arity))
    if table is None:
        return None
    if list(table) == [object]:
        return table[object]
    general = table.get(object)

    def dispatch(first: Any, *rest: Any) -> Any:
        found = table.get(type(first), general)
        if found is None:
            raise no_overload()
        return found(first, *rest)

    return dispatch


def known(name: str) -> bool:
    """Whether any function has this name."""
    return any(function == name for function, _ in _implemented)


def _read(signature: str) -> Overload:
    call, _, result = signature.partition(" -> ")
    found = _SIGNATURE.fullmatch(call)
    assert found is not None, signature
    target, name, args = found["target"], found["name"], found["args"]
    parameters = [arg.strip() for arg in args.split(",") if arg.strip()]
    # A receiver in small letters that is no type is the first half of the function's name.
    if target and target.split("(")[0] not in _TYPES and not target[0].isupper():
        name, target = f"{target}.{name}", None
    if target:
        parameters.insert(0, target)
    return Overload(name, bool(target), tuple(parameters), result)


_TYPES = frozenset(
    ("bool", "int", "uint", "double", "string", "bytes", "dyn", "timestamp", "duration", "list")
)
