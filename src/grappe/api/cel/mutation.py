"""From what a mutation's expression gives to a patch.

https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from grappe.api import Object
from grappe.api.apply.merge import merge
from grappe.api.cel.ast import Call, Comprehension, Expr, Ident, Select, StructExpr, children
from grappe.api.cel.registry import known
from grappe.api.cel.values import Duration, ObjectValue, Optional, Timestamp
from grappe.api.copying import copied
from grappe.api.schema import DecodingError, Node, Schema

_PATCH_FIELDS = frozenset(("op", "path", "from", "value"))
_NAMESPACES = frozenset(("optional", "sets", "format", "ip", "strings", "jsonpatch", "cel"))
_TYPES = frozenset(
    ("int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type")
)
_OPERATORS = frozenset(
    ("_&&_", "_||_", "_?_:_", "@not_strictly_false", "_?._", "or", "orValue", "cel.@mapInsert")
)


class MutationError(Exception):
    """The mutation cannot be made; the message is Kubernetes'."""


def apply_configuration(schema: Schema, obj: Object, found: Any) -> Object:
    """`obj` with the apply configuration `found` merged in as server-side apply would; neither
    is changed."""
    if not isinstance(found, ObjectValue) or found.type != "Object":
        raise MutationError("unsupported return type from ApplyConfiguration expression")
    _check_types(found, "Object")
    applied: Object = {**plain(found), "apiVersion": obj["apiVersion"], "kind": obj["kind"]}
    start = "error applying patch: "
    try:
        unknown = schema.decode(applied)
    except DecodingError as error:
        told = f"failed to convert patch object to typed object: {error}"
        raise MutationError(start + told) from None
    if unknown:
        told = f"failed to convert patch object to typed object: .{unknown[0]}: field not declared "
        raise MutationError(f"{start}{told}in schema")
    atomic = list(_atomic(schema.root, applied, ""))
    if atomic:
        told = "invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: "
        raise MutationError(start + told + ", ".join(atomic))
    merged: Object = merge(schema.root, obj, applied, "", "")
    result: Object = copied(merged)
    return result


def patch_operations(found: Any) -> list[Object]:
    """The operations of a JSON patch."""
    if not isinstance(found, list):
        raise MutationError("unsupported return type from JSONPatch expression")
    operations = []
    for item in found:
        if not isinstance(item, ObjectValue) or item.type != "JSONPatch":
            raise MutationError("unsupported return type from JSONPatch expression")
        wrong = sorted(item.keys() - _PATCH_FIELDS)
        if wrong:
            raise MutationError(f"undefined field '{wrong[0]}'")
        operations.append(plain(item))
    return operations


def _check_types(value: Any, expected: str) -> None:
    """Objects in objects are of the type their field's path names."""
    if isinstance(value, ObjectValue):
        if value.type != expected:
            raise MutationError(
                f'type mismatch: unexpected type name "{value.type}", expected "{expected}", which '
                "matches field name path from root Object type"
            )
        for name, item in value.items():
            _check_types(item, f"{expected}.{name}")
    elif isinstance(value, list):
        for item in value:
            _check_types(item, expected)


def _atomic(node: Node, value: Any, path: str) -> Sequence[str]:
    found: list[str] = []
    if isinstance(value, dict | list) and node.atomic:
        found.append(path)
    if isinstance(value, dict):
        for name, item in value.items():
            child = node.child(name)
            if child is not None:
                found.extend(_atomic(child, item, f"{path}.{name}"))
    elif isinstance(value, list) and node.type == "array":
        for index, item in enumerate(value):
            found.extend(_atomic(node.items, item, f"{path}[{index}]"))
    return found


def plain(value: Any) -> Any:
    """A value as JSON."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if value is None or type(value) in (str, bool, int, float):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Timestamp | Duration):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Optional) and value.present:
        return plain(value.value())
    spelled = getattr(value, "cel_string", None)
    if spelled is None:
        raise MutationError("a value of this type cannot be part of an object")
    return spelled()


def undeclared(expr: Expr, names: frozenset[str]) -> str:
    """The first name or function that an expression which was only parsed mentions and nobody
    declares; empty: none. `names` are the variables."""
    match expr:
        case Ident():
            return "" if expr.name in names or expr.name in _TYPES else expr.name
        case Select(operand=Ident(name="variables"), field=field):
            return "" if f"variables.{field}" in names else f"variables.{field}"
        case Comprehension():
            inside = names | {expr.var, expr.var2, expr.accu}
            return (
                undeclared(expr.range, names)
                or undeclared(expr.init, names)
                or undeclared(expr.condition, inside)
                or undeclared(expr.step, inside)
                or undeclared(expr.result, inside)
            )
        case Call():
            if not _is_known(expr):
                return expr.function
            if isinstance(expr.target, Ident) and expr.target.name in _NAMESPACES:
                return next(filter(None, (undeclared(one, names) for one in expr.args)), "")
        case StructExpr(name=name) if name and name.split(".")[0] not in ("Object", "JSONPatch"):
            return name
    return next(filter(None, (undeclared(one, names) for one in children(expr))), "")


def _is_known(call: Call) -> bool:
    name = call.function
    if isinstance(call.target, Ident) and known(f"{call.target.name}.{name}"):
        return True
    return known(name) or name in _OPERATORS
