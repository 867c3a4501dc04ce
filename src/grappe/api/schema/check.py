"""Value validation of custom resources: an OpenAPI v3 schema compiled to closures.

Rules and messages as in apiextensions (kube-openapi's validator): `spec.replicas: Invalid value:
"string": spec.replicas in body must be of type integer: "string"`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

from grappe.api import Object
from grappe.api.causes import (
    duplicate,
    invalid,
    not_supported,
    required,
    shown,
    too_long,
    too_many,
    type_invalid,
)
from grappe.api.errors import Cause
from grappe.api.schema.formats import STRING_FORMATS
from grappe.api.schema.regex import PatternError, go_regex

Check: TypeAlias = Callable[[Any, str, list[Cause]], None]
"""(value, path, causes to add to)."""


def compile_check(schema: Object) -> Check:
    """The checker of one schema and everything below it."""
    checks = [
        *_type_check(schema),
        *_composite_checks(schema),
        *_string_checks(schema),
        *_number_checks(schema),
        *_array_checks(schema),
        *_enum_check(schema),
        *_object_checks(schema),
    ]
    nullable = bool(schema.get("nullable"))

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        if value is None and nullable:
            return
        for one in checks:
            one(value, path, causes)

    return check


def _in_body(path: str) -> str:
    return f"{path} in body"


# -- type ------------------------------------------------------------------------------------------


def _type_name(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, dict) else "array"


def _type_check(schema: Object) -> list[Check]:
    if schema.get("x-kubernetes-int-or-string"):
        allowed: tuple[str, ...] = ("integer", "string")
    elif schema.get("type"):
        allowed = (schema["type"],)
    else:
        return []
    told = ",".join(allowed)

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        found = _type_name(value)
        if found in allowed or (found == "integer" and "number" in allowed):
            return
        detail = f"{_in_body(path)} must be of type {told}: {shown(found)}"
        causes.append(type_invalid(path, found, detail))

    return [check]


# -- anyOf, oneOf, allOf, not ----------------------------------------------------------------------


def _failures(check: Check, value: Any, path: str) -> list[Cause]:
    causes: list[Cause] = []
    check(value, path, causes)
    return causes


def _fewest(results: list[list[Cause]]) -> list[Cause]:
    """The alternative that came closest: what the author most likely meant."""
    return min(results, key=lambda r: len(r))


def _composite(message: str) -> Cause:
    """Kubernetes reports these without a field."""
    return invalid("<nil>", "", message)


def _composite_checks(schema: Object) -> list[Check]:
    checks: list[Check] = []
    any_of = [compile_check(s) for s in schema.get("anyOf") or ()]
    one_of = [compile_check(s) for s in schema.get("oneOf") or ()]
    all_of = [compile_check(s) for s in schema.get("allOf") or ()]

    def check_any(value: Any, path: str, causes: list[Cause]) -> None:
        results = [_failures(c, value, path) for c in any_of]
        if all(results):
            causes.append(_composite(f'"{path}" must validate at least one schema (anyOf)'))
            causes.extend(_fewest(results))

    def check_one(value: Any, path: str, causes: list[Cause]) -> None:
        results = [_failures(c, value, path) for c in one_of]
        valid = sum(not r for r in results)
        if valid == 1:
            return
        found = f"Found {valid} valid alternatives" if valid else "Found none valid"
        causes.append(
            _composite(f'"{path}" must validate one and only one schema (oneOf). {found}')
        )
        if not valid:
            causes.extend(_fewest(results))

    def check_all(value: Any, path: str, causes: list[Cause]) -> None:
        results = [_failures(c, value, path) for c in all_of]
        for result in results:
            causes.extend(result)
        if any(results):
            none = ". None validated" if all(results) else ""
            causes.append(_composite(f'"{path}" must validate all the schemas (allOf){none}'))

    if any_of:
        checks.append(check_any)
    if one_of:
        checks.append(check_one)
    if all_of:
        checks.append(check_all)
    if isinstance(schema.get("not"), dict):
        negated = compile_check(schema["not"])

        def check_not(value: Any, path: str, causes: list[Cause]) -> None:
            if not _failures(negated, value, path):
                causes.append(_composite(f'"{path}" must not validate the schema (not)'))

        checks.append(check_not)
    return checks


# -- scalars ---------------------------------------------------------------------------------------


def _string_checks(schema: Object) -> list[Check]:
    checks: list[Check] = []
    longest, shortest = schema.get("maxLength"), schema.get("minLength")
    pattern = schema.get("pattern")
    holds = STRING_FORMATS.get(schema.get("format") or "")

    def check_length(value: Any, path: str, causes: list[Cause]) -> None:
        if not isinstance(value, str):
            return
        if longest is not None and len(value) > longest:
            causes.append(too_long(path, longest))
        if shortest is not None and len(value) < shortest:
            detail = f"{_in_body(path)} should be at least {shortest} chars long"
            causes.append(invalid(path, value, detail))

    if longest is not None or shortest is not None:
        checks.append(check_length)
    if pattern:
        search: Callable[[str], bool] | None
        try:
            search = go_regex(pattern).search
        except PatternError:  # an old database: such a definition is refused
            search = None

        def check_pattern(value: Any, path: str, causes: list[Cause]) -> None:
            if isinstance(value, str) and search is not None and not search(value):
                causes.append(invalid(path, value, f"{_in_body(path)} should match '{pattern}'"))

        checks.append(check_pattern)
    if holds is not None:

        def check_format(value: Any, path: str, causes: list[Cause]) -> None:
            if isinstance(value, str) and not holds(value):
                detail = f"{_in_body(path)} must be of type {schema['format']}: {shown(value)}"
                causes.append(type_invalid(path, value, detail))

        checks.append(check_format)
    return checks


_INTEGER_BITS = {"int32": 31, "int64": 63}


def _number_checks(schema: Object) -> list[Check]:
    least, most = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    factor = schema.get("multipleOf") or None
    bits = _INTEGER_BITS.get(schema.get("format") or "")
    if least is None and most is None and factor is None and bits is None:
        return []

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return

        def wrong(rule: str) -> None:
            causes.append(invalid(path, value, f"{_in_body(path)} should be {rule}"))

        if most is not None and (value >= most if below else value > most):
            wrong(f"less than {'' if below else 'or equal to '}{shown(most)}")
        if least is not None and (value <= least if above else value < least):
            wrong(f"greater than {'' if above else 'or equal to '}{shown(least)}")
        if factor is not None and not _is_multiple(value, factor):
            wrong(f"a multiple of {shown(factor)}")
        if bits is not None and not -(1 << bits) <= value < (1 << bits):
            detail = f"{_in_body(path)} must be of type {schema['format']}: {shown(value)}"
            causes.append(type_invalid(path, value, detail))

    return [check]


def _is_multiple(value: float, factor: float) -> bool:
    quotient = value / factor
    return abs(quotient - round(quotient)) < 1e-9


def _enum_check(schema: Object) -> list[Check]:
    allowed = schema.get("enum")
    if not allowed:
        return []
    told = [v if isinstance(v, str) else json.dumps(v, separators=(",", ":")) for v in allowed]

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        if not any(type(value) is type(v) and value == v for v in allowed) and not (
            isinstance(value, (int, float)) and not isinstance(value, bool) and value in allowed
        ):
            causes.append(not_supported(path, value, told))

    return [check]


# -- arrays and objects ----------------------------------------------------------------------------


def _array_checks(schema: Object) -> list[Check]:
    items = schema.get("items")
    inner = compile_check(items) if isinstance(items, dict) else None
    most, least = schema.get("maxItems"), schema.get("minItems")
    list_type = schema.get("x-kubernetes-list-type")
    keys: list[str] = schema.get("x-kubernetes-list-map-keys") or []
    if inner is None and most is None and least is None and not list_type:
        return []

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        if not isinstance(value, list):
            return
        if inner is not None:
            for index, item in enumerate(value):
                inner(item, f"{path}[{index}]", causes)
        if least is not None and len(value) < least:
            detail = f"{_in_body(path)} should have at least {least} items"
            causes.append(invalid(path, len(value), detail))
        if most is not None and len(value) > most:
            causes.append(too_many(path, len(value), most))
        if list_type == "set":
            _check_unique(value, value, path, causes)
        elif list_type == "map":
            _check_list_map(value, keys, path, causes)

    return [check]


def _check_list_map(value: list[Any], keys: list[str], path: str, causes: list[Cause]) -> None:
    identities = []
    for index, item in enumerate(value):
        if item is not None and not isinstance(item, dict):
            detail = "must be an object for an array of list-type map"
            causes.append(invalid(f"{path}[{index}]", item, detail))
            return
        identities.append({k: item[k] for k in keys if k in item} if item else {})
    _check_unique(identities, identities, path, causes)


def _check_unique(identities: list[Any], values: list[Any], path: str, causes: list[Cause]) -> None:
    """One cause for each value that comes again, at its second appearance."""
    seen: dict[str, int] = {}
    for index, identity in enumerate(identities):
        text = json.dumps(identity, sort_keys=True)
        seen[text] = seen.get(text, 0) + 1
        if seen[text] == 2:
            causes.append(duplicate(f"{path}[{index}]", values[index]))


def _object_checks(schema: Object) -> list[Check]:
    properties = {k: compile_check(v) for k, v in (schema.get("properties") or {}).items()}
    additional = schema.get("additionalProperties")
    rest = compile_check(additional) if isinstance(additional, dict) else None
    needed: list[str] = schema.get("required") or []
    most, least = schema.get("maxProperties"), schema.get("minProperties")
    embedded = bool(schema.get("x-kubernetes-embedded-resource"))
    if embedded:
        properties.setdefault("apiVersion", compile_check({"type": "string", "minLength": 1}))
        properties.setdefault("kind", compile_check({"type": "string", "minLength": 1}))
        needed = [*needed, *(k for k in ("apiVersion", "kind") if k not in needed)]
    if not (properties or rest or needed or most is not None or least is not None):
        return []

    def check(value: Any, path: str, causes: list[Cause]) -> None:
        if not isinstance(value, dict):
            return
        start = f"{path}." if path else ""
        if least is not None and len(value) < least:
            detail = f"{_in_body(path)} should have at least {least} properties"
            causes.append(invalid(path, len(value), detail))
        if most is not None and len(value) > most:
            causes.append(too_many(path, len(value), most))
        for name in needed:
            if name not in value:
                causes.append(required(start + name))
        for key, inner in value.items():
            one = properties.get(key, rest)
            if one is not None:
                one(inner, start + key, causes)

    return [check]
