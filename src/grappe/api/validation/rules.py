"""Small rules that many kinds share. Each yields causes; `at` is the path of the field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from grappe.api import Object, names, quantity
from grappe.api.causes import forbidden, invalid, not_supported, required
from grappe.api.errors import Cause

Causes = Iterator[Cause]
Check = Callable[[str], list[str]]

IMMUTABLE = "field is immutable"


def named(value: Any, at: str, check: Check, *, optional: bool = False) -> Causes:
    """A name that must be there (unless optional) and well formed."""
    if not value:
        if not optional:
            yield required(at)
        return
    for problem in check(value):
        yield invalid(at, value, problem)


def one_of(value: Any, at: str, supported: Sequence[str], *, optional: bool = False) -> Causes:
    if value in (None, ""):
        if not optional:
            yield required(at)
    elif value not in supported:
        yield not_supported(at, value, supported)


def not_negative(value: Any, at: str) -> Causes:
    if value is not None and value < 0:
        yield invalid(at, value, "must be greater than or equal to 0")


def positive(value: Any, at: str) -> Causes:
    if value is not None and value <= 0:
        yield invalid(at, value, "must be greater than 0")


def port_number(value: Any, at: str) -> Causes:
    for problem in names.port_number_problems(value):
        yield invalid(at, value, problem)


def port_number_or_name(value: Any, at: str) -> Causes:
    """An int-or-string that names a container's port."""
    if isinstance(value, int):
        yield from port_number(value, at)
    else:
        for problem in names.port_name_problems(value):
            yield invalid(at, value, problem)


def whole_or_percent(value: Any, at: str) -> Causes:
    """An int-or-string such as maxSurge."""
    if isinstance(value, int):
        yield from not_negative(value, at)
    else:
        for problem in names.percent_problems(value):
            yield invalid(at, value, problem)


def label_map(labels: Object | None, at: str) -> Causes:
    for key, value in (labels or {}).items():
        for problem in names.qualified_name_problems(key):
            yield invalid(at, key, problem)
        for problem in names.label_value_problems(value):
            yield invalid(at, value, problem)


def label_selector(selector: Object | None, at: str) -> Causes:
    """A `metav1.LabelSelector`."""
    if not selector:
        return
    yield from label_map(selector.get("matchLabels"), f"{at}.matchLabels")
    yield from expressions(selector.get("matchExpressions") or (), f"{at}.matchExpressions")


def expressions(found: Iterable[Object], at: str, *, bounds: bool = False) -> Causes:
    """The requirements of a selector; node selectors also know Gt and Lt (`bounds`)."""
    for i, rule in enumerate(found):
        where = f"{at}[{i}]"
        operator, values = rule.get("operator"), rule.get("values") or []
        if operator in ("In", "NotIn"):
            if not values:
                detail = "must be specified when `operator` is 'In' or 'NotIn'"
                yield required(f"{where}.values", detail)
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                yield forbidden(f"{where}.values", detail)
        elif bounds and operator in ("Gt", "Lt"):
            if len(values) != 1:
                detail = "must be specified single value when `operator` is 'Lt' or 'Gt'"
                yield required(f"{where}.values", detail)
        else:
            yield invalid(f"{where}.operator", operator or "", "not a valid selector operator")
        for problem in names.qualified_name_problems(rule.get("key") or ""):
            yield invalid(f"{where}.key", rule.get("key") or "", problem)


def amount(value: Any, at: str) -> Causes:
    """A resource quantity that is not negative."""
    try:
        parsed = quantity.parse(value)
    except quantity.QuantityError as error:
        yield invalid(at, value, str(error))
        return
    if parsed < 0:
        yield invalid(at, str(value), "must be greater than or equal to 0")


def immutable(new: Any, old: Any, at: str) -> Causes:
    if new != old:
        yield invalid(at, new, IMMUTABLE)
