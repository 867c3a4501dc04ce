"""Small rules that many kinds share. Each yields causes; `at` is the path of the field."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from grappe.api import Object, names, quantity
from grappe.api.causes import forbidden, invalid, not_supported, required, too_long
from grappe.api.errors import ApiError, Cause
from grappe.api.selectors import label_selector_from_object

Causes = Iterator[Cause]
Check = Callable[[str], list[str]]

IMMUTABLE = "field is immutable"
PROTOCOLS = ("SCTP", "TCP", "UDP")
TERMS = ("In", "NotIn"), ("Exists", "DoesNotExist"), ("Gt", "Lt")
_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_INT32_MAX = 2**31 - 1
_ANNOTATIONS_MAX = 256 * 1024
# The same few keys and values stand in most objects of a cluster.
key_problems = lru_cache(4096)(names.qualified_name_problems)
value_problems = lru_cache(4096)(names.label_value_problems)


def named(value: Any, at: str, check: Check, *, optional: bool = False) -> Causes:
    """A name that must be there (unless optional) and well formed."""
    if not value:
        if not optional:
            yield required(at)
        return
    for problem in check(value):
        yield invalid(at, value, problem)


def well_formed(value: str, at: str, check: Check) -> Causes:
    """A text in the form that `check` asks for, which an empty one has not."""
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


def none_negative(found: Object, at: str, *fields: str) -> Causes:
    """These whole numbers, as far as they are given."""
    for field in fields:
        value = found.get(field)
        if value is not None and value < 0:
            yield invalid(f"{at}.{field}", value, "must be greater than or equal to 0")


def positive(value: Any, at: str, detail: str = "must be greater than 0") -> Causes:
    if value is not None and value <= 0:
        yield invalid(at, value, detail)


def between(value: int | None, at: str, low: int, high: int) -> Causes:
    if value is not None and not low <= value <= high:
        yield invalid(at, value, names.range_problem(low, high))


def identity(value: int | None, at: str) -> Causes:
    """A user or group id."""
    return between(value, at, 0, _INT32_MAX)


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


def at_most_100_percent(value: Any, at: str) -> Causes:
    if isinstance(value, str) and names.percent_of(value) > 100:
        yield invalid(at, value, "must not be greater than 100%")


def qualified(value: str, at: str) -> Causes:
    """`name` or `dns.prefix/name`."""
    for problem in key_problems(value):
        yield invalid(at, value, problem)


def label_map(labels: Object | None, at: str) -> Causes:
    for key, value in (labels or {}).items():
        for problem in key_problems(key):
            yield invalid(at, key, problem)
        for problem in value_problems(value):
            yield invalid(at, value, problem)


def annotation_map(annotations: Object | None, at: str) -> Causes:
    size = 0
    for key, value in (annotations or {}).items():
        if key_problems(key):
            for problem in key_problems(key.lower()):
                yield invalid(at, key, problem)
        size += len(key) + (len(value) if value.isascii() else len(value.encode()))
    if size > _ANNOTATIONS_MAX:
        yield too_long(at, _ANNOTATIONS_MAX)


def label_selector(selector: Object | None, at: str) -> Causes:
    """A `metav1.LabelSelector`."""
    if not selector:
        return
    yield from label_map(selector.get("matchLabels"), f"{at}.matchLabels")
    for i, rule in enumerate(selector.get("matchExpressions") or ()):
        yield from requirement(rule, f"{at}.matchExpressions[{i}]")


def selects(selector: Object, labels: Object) -> bool:
    """Whether a `metav1.LabelSelector` selects these labels; one that is no good, of which
    `label_selector` tells, is taken to."""
    try:
        return label_selector_from_object(selector).matches(labels)
    except ApiError:
        return True


def requirement(rule: Object, at: str, *, bounds: bool = False, values_too: bool = True) -> Causes:
    """One requirement of a selector; node selectors also know Gt and Lt (`bounds`)."""
    operator, values = rule.get("operator"), rule.get("values") or []
    if operator in TERMS[0]:
        if not values:
            yield required(f"{at}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in TERMS[1]:
        if values:
            detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            yield forbidden(f"{at}.values", detail)
    elif bounds and operator in TERMS[2]:
        if len(values) != 1:
            detail = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            yield required(f"{at}.values", detail)
    else:
        yield invalid(f"{at}.operator", operator or "", "not a valid selector operator")
    yield from qualified(rule.get("key") or "", f"{at}.key")
    if values_too:
        for i, value in enumerate(values):
            for problem in value_problems(value):
                yield invalid(f"{at}.values[{i}]", value, problem)


def amount(value: Any, at: str) -> Causes:
    """A resource quantity that is not negative."""
    try:
        parsed = quantity.parse(value)
    except quantity.QuantityError as error:
        yield invalid(at, value, str(error))
        return
    if parsed < 0:
        yield invalid(at, str(value), "must be greater than or equal to 0")


def address(value: Any, at: str) -> Causes:
    """An IPv4 or IPv6 address."""
    if parsed_address(value) is None:
        yield invalid(at, value or "", _IP)


def network(value: Any, at: str) -> Causes:
    """An IPv4 or IPv6 range, such as 10.0.0.0/8."""
    if parsed_network(value) is None:
        yield invalid(at, value or "", _CIDR)


def parsed_address(value: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address a text is; a zone (`fe80::1%eth0`) is none of it."""
    try:
        return ipaddress.ip_address(value) if "%" not in value else None
    except (ValueError, TypeError):
        return None


def parsed_network(value: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """The network a text is, which must say how long its prefix is."""
    address, slash, length = str(value or "").partition("/")
    if not slash or not length.isdigit() or not length.isascii() or "%" in address:
        return None
    try:
        return ipaddress.ip_network(value, strict=False)
    except ValueError:
        return None


def ordinary_address(value: str, at: str, *, loopback: bool = False) -> Causes:
    """Not one of those that mean something else on every machine; `loopback` lets that pass."""
    found = parsed_address(value)
    if found is None:
        yield invalid(at, value, "must be a valid IP address")
        return
    if found.is_unspecified:
        yield invalid(at, value, f"may not be unspecified ({value})")
    if found.is_loopback and not loopback:
        yield invalid(at, value, "may not be in the loopback range (127.0.0.0/8, ::1/128)")
    if found.is_link_local:
        detail = "may not be in the link-local range (169.254.0.0/16, fe80::/10)"
        yield invalid(at, value, detail)
    if found.is_multicast and (found.packed[:3] == b"\xe0\0\0" or found.packed[:2] == b"\xff\2"):
        detail = "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"
        yield invalid(at, value, detail)


def immutable(new: Any, old: Any, at: str) -> Causes:
    """The same as before; nothing and an empty map or list are the same."""
    if new != old and (new or old or type(new) is bool or type(old) is bool):
        yield invalid(at, new, IMMUTABLE)


def settled(new: Object, old: Object, at: str, *fields: str) -> Causes:
    """Each of these fields is the same as before."""
    for field in fields:
        yield from immutable(new.get(field), old.get(field), f"{at}.{field}" if at else field)


def list_differs(new: Iterable[str], old: Iterable[str]) -> bool:
    """Whether two lists name other things, in whatever order."""
    return set(new) != set(old)
