"""The CEL types of Kubernetes' objects, and how JSON becomes values of them.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
(which schema is which type, escaping of names) and
https://kubernetes.io/docs/reference/using-api/cel/#type-system-integration.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from grappe.api.cel.values import CelError, Duration, MapList, SetList, Timestamp
from grappe.api.schema import Node

Adapter: TypeAlias = Callable[[Any], Any]


@dataclass(slots=True, eq=False)
class Type:
    """`kind` is bool, int, double, string, bytes, timestamp, duration, dyn, list, map, object, or
    the name of a type of Kubernetes' own (`Authorizer`). `item` is what a list or map holds;
    `fields` (by their escaped names) are an object's. `given` is a type as the library gave it."""

    kind: str
    item: Type | None = None
    fields: Mapping[str, Type] = field(default_factory=dict)
    name: str = ""
    given: Any = None


DYN = Type("dyn")
STRING = Type("string")
BOOL = Type("bool")
INT = Type("int")
TIMESTAMP = Type("timestamp")


def list_of(item: Type) -> Type:
    return Type("list", item)


def map_of(item: Type) -> Type:
    return Type("map", item)


def object_of(name: str, fields: Mapping[str, Type]) -> Type:
    return Type("object", fields=fields, name=name)


_RESERVED = frozenset(
    ("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function")
    + ("if", "import", "let", "loop", "package", "namespace", "return")
)
_ESCAPABLE = re.compile(r"[A-Za-z_./-][A-Za-z0-9_./-]*")
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_ESCAPED = re.compile(r"__|[./-]")


def escape(name: str) -> str | None:
    """The identifier a property is reached by; None: expressions cannot reach it."""
    if name in _RESERVED:
        return f"__{name}__"
    if not _ESCAPABLE.fullmatch(name):
        return None
    return _ESCAPED.sub(lambda found: _ESCAPES[found[0]], name)


_STRINGS = {
    "date-time": "timestamp",
    "date": "timestamp",
    "duration": "duration",
    "byte": "bytes",
}
_SCALARS = {"boolean": "bool", "integer": "int", "number": "double"}


class Schemas:
    """Types of the nodes of one schema. Nodes of the same definition share a type, so that a
    schema that refers to itself ends."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._made = 0
        self._named: dict[str, Type] = {}

    def type_of(self, node: Node, *, resource: bool = False) -> Type:
        """`resource`: a custom resource's root, whose metadata is only partly in reach."""
        if node.raw.get("x-kubernetes-int-or-string") or node.raw.get("format") == "int-or-string":
            return DYN
        if node.type == "string":
            return Type(_STRINGS.get(node.raw.get("format") or "", "string"))
        if node.type in _SCALARS:
            return Type(_SCALARS[node.type])
        if node.type == "array":
            return list_of(self.type_of(node.items))
        if node.type != "object":
            return DYN
        if node.values is not None and not node.properties:
            return map_of(self.type_of(node.values))
        return self._object(node, resource)

    def _object(self, node: Node, resource: bool) -> Type:
        if node.definition and node.definition in self._named:
            return self._named[node.definition]
        self._made += 1
        fields: dict[str, Type] = {}
        made = Type("object", fields=fields, name=f"{self._prefix}.T{self._made}")
        if node.definition:
            self._named[node.definition] = made
        embedded = resource or bool(node.raw.get("x-kubernetes-embedded-resource"))
        for name, child in node.properties.items():
            escaped = escape(name)
            if escaped is None:
                continue
            if embedded and name == "metadata":
                fields[escaped] = self._metadata()
            else:
                fields[escaped] = self.type_of(child)
        return made

    def _metadata(self) -> Type:
        self._made += 1
        return object_of(f"{self._prefix}.T{self._made}", {"name": STRING, "generateName": STRING})


def adapter(node: Node) -> Adapter | None:
    """What turns JSON of this schema into values; None: it is one already. What is not as the
    schema says is left as it is."""
    return _adapter(node, frozenset())


def _adapter(node: Node, above: frozenset[str]) -> Adapter | None:
    raw = node.raw
    if node.type == "string":
        return _STRING_ADAPTERS.get(raw.get("format") or "")
    if node.type == "number":
        return lambda value: float(value) if type(value) is int else value
    if node.type == "array":
        return _list_adapter(node, above)
    if node.type != "object" or (node.definition and node.definition in above):
        return None
    below = above | {node.definition} if node.definition else above
    if node.values is not None and not node.properties:
        inner = _adapter(node.values, below)
        return None if inner is None else _map_adapter(inner)
    return _object_adapter(node, below)


def _list_adapter(node: Node, above: frozenset[str]) -> Adapter | None:
    inner = _adapter(node.items, above)
    list_type = node.raw.get("x-kubernetes-list-type")
    keys = tuple(node.raw.get("x-kubernetes-list-map-keys") or ())
    if inner is None and list_type not in ("set", "map"):
        return None

    def adapt(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        items = value if inner is None else [inner(item) for item in value]
        if list_type == "set":
            return SetList(items)
        if list_type == "map":
            made = MapList(items)
            made.keys = keys
            return made
        return items

    return adapt


def _map_adapter(inner: Adapter) -> Adapter:
    def adapt(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: inner(item) for key, item in value.items()}

    return adapt


def _object_adapter(node: Node, below: frozenset[str]) -> Adapter | None:
    changed: dict[str, tuple[str, Adapter | None]] = {}
    for name, child in node.properties.items():
        if name == "metadata" and node.custom and not child.custom:
            continue
        escaped, inner = escape(name) or name, _adapter(child, below)
        if inner is not None or escaped != name:
            changed[name] = (escaped, inner)
    if not changed:
        return None

    def adapt(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        made: dict[str, Any] = {}
        for name, item in value.items():
            found = changed.get(name)
            if found is None:
                made[name] = item
            else:
                escaped, inner = found
                made[escaped] = item if inner is None or item is None else inner(item)
        return made

    return adapt


def _timestamp(value: Any) -> Any:
    return Timestamp.parse(value) if isinstance(value, str) else value


def _date(value: Any) -> Any:
    return Timestamp.parse(f"{value}T00:00:00Z") if isinstance(value, str) else value


def _duration(value: Any) -> Any:
    return Duration.parse(value) if isinstance(value, str) else value


def _bytes(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise CelError("invalid base64") from None


_STRING_ADAPTERS: dict[str, Adapter] = {
    "date-time": _timestamp,
    "date": _date,
    "duration": _duration,
    "byte": _bytes,
}
