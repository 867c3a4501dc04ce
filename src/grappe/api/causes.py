"""Field errors in the words of Kubernetes' `field.Error` (apimachinery, util/validation/field)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from grappe.api.errors import Cause


def quote(text: str) -> str:
    """A string as Go's `%q` prints it."""
    return json.dumps(text, ensure_ascii=False)


def shown(value: Any) -> str:
    """A value as it stands after `Invalid value: `; since Kubernetes 1.34 whatever is no plain
    value is shown as JSON."""
    if value is None:
        return '"null"'
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, (dict, list)):
        return _json(value, sort_keys=True)
    return _scalar(value)


def struct(fields: Any) -> str:
    """A Go struct, or a list of them, as it is shown there: the fields in their order."""
    return _json(fields, sort_keys=False)


def _json(value: Any, *, sort_keys: bool) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=sort_keys, separators=(",", ":"))
    for sign, escaped in _ESCAPED:
        text = text.replace(sign, escaped)
    return text


# As Go's encoding/json writes strings.
_ESCAPED = (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"))


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)
    return str(value)


def _detailed(text: str, detail: str) -> str:
    return f"{text}: {detail}" if detail else text


def required(field: str, detail: str = "") -> Cause:
    return Cause(field, "FieldValueRequired", _detailed("Required value", detail))


def invalid(field: str, value: Any, detail: str) -> Cause:
    text = f"Invalid value: {shown(value)}"
    return Cause(field, "FieldValueInvalid", _detailed(text, detail))


def unfit(field: str, detail: str) -> Cause:
    """An invalid value that is not worth showing."""
    return Cause(field, "FieldValueInvalid", _detailed("Invalid value", detail))


def type_invalid(field: str, value: Any, detail: str) -> Cause:
    text = f"Invalid value: {shown(value)}"
    return Cause(field, "FieldValueTypeInvalid", _detailed(text, detail))


def duplicate(field: str, value: Any, detail: str = "") -> Cause:
    text = f"Duplicate value: {shown(value)}"
    return Cause(field, "FieldValueDuplicate", _detailed(text, detail))


def forbidden(field: str, detail: str) -> Cause:
    return Cause(field, "FieldValueForbidden", _detailed("Forbidden", detail))


def not_found(field: str, value: Any, detail: str = "") -> Cause:
    return Cause(field, "FieldValueNotFound", _detailed(f"Not found: {shown(value)}", detail))


def not_supported(field: str, value: Any, supported: Sequence[str]) -> Cause:
    text = f"Unsupported value: {shown(value)}"
    detail = "supported values: " + ", ".join(map(quote, supported)) if supported else ""
    return Cause(field, "FieldValueNotSupported", _detailed(text, detail))


def too_long(field: str, limit: int) -> Cause:
    return Cause(field, "FieldValueTooLong", f"Too long: may not be more than {limit} bytes")


def too_many(field: str, count: int, limit: int) -> Cause:
    text = f"Too many: {count}: must have at most {limit} items"
    return Cause(field, "FieldValueTooMany", text)
