"""The schema of a custom kind, from the structural schema of its definition
(https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/
custom-resource-definitions/#specifying-a-structural-schema)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from grappe.api import Object
from grappe.api.copying import copied
from grappe.api.errors import Cause
from grappe.api.schema.check import Check, compile_check
from grappe.api.schema.decode import decoder
from grappe.api.schema.interface import DecodingError
from grappe.api.schema.node import MISSING, Node, mentions_rules
from grappe.api.schema.ratchet import forgiven
from grappe.api.schema.unknown import drop_unknown

if TYPE_CHECKING:
    from grappe.api.cel.rules import Branch

Defaulter: TypeAlias = Callable[[Any], None]


class CustomSchema:
    """A `Schema` of a custom kind. Compiled on first use."""

    __slots__ = ("_check", "_defaulter", "_rules", "_rules_sought", "openapi", "root")

    def __init__(self, openapi: Object) -> None:
        self.openapi = openapi
        self.root = Node(openapi, custom=True, embedded=True)
        self._check: Check | None = None
        self._defaulter: Defaulter | None = None
        self._rules: Branch | None = None
        self._rules_sought = False

    def decode(self, obj: Object, *, keep_empty: bool = False) -> list[str]:
        """Drop unknown fields. Only `metadata` is read as strictly as in a built-in kind; other
        wrong types are for `check`, which answers 422."""
        metadata = self.root.properties["metadata"]
        for name in ("apiVersion", "kind"):
            if name in obj and not isinstance(obj[name], str):
                raise DecodingError(f"Object '{name}' must be a string")
        unknown: list[str] = []
        if "metadata" in obj:
            try:
                decoder(metadata, keep_empty)(obj["metadata"], unknown)
            except DecodingError as error:
                raise DecodingError(
                    str(error).replace("ObjectMeta.", "ObjectMeta.metadata.")
                ) from None
            unknown = [f"metadata.{path}" for path in unknown]
        return unknown + drop_unknown(self.root, obj)

    def default(self, obj: Object) -> None:
        if self._defaulter is None:
            self._defaulter = _compile_defaults(self.root) or _nothing
        self._defaulter(obj)

    def check(self, obj: Object) -> list[Cause]:
        causes = self._by_schema(obj)
        return self._by_rules(causes, obj, None) if self.has_rules else causes

    def check_update(self, obj: Object, old: Object) -> list[Cause]:
        causes = forgiven(self.root, self._by_schema(obj), obj, old)
        return self._by_rules(causes, obj, old) if self.has_rules else causes

    def _by_schema(self, obj: Object) -> list[Cause]:
        if self._check is None:
            self._check = compile_check(self.openapi)
        causes: list[Cause] = []
        self._check(obj, "", causes)
        return causes

    @property
    def has_rules(self) -> bool:
        if not self._rules_sought:
            self._rules_sought = True
            if mentions_rules(self.openapi):
                from grappe.api.cel.rules import rule_tree  # most definitions have none

                self._rules = rule_tree(self.root)
        return self._rules is not None

    def _by_rules(self, causes: list[Cause], obj: Object, old: Object | None) -> list[Cause]:
        from grappe.api.cel.rules import check_rules

        assert self._rules is not None
        return check_rules(self._rules, causes, obj, old)


def crd_schema(openapi_v3: Object | None) -> CustomSchema:
    """The schema of a `CustomResourceDefinition`'s `openAPIV3Schema`; without one anything is
    allowed besides `metadata`."""
    return CustomSchema(
        openapi_v3 or {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    )


def _nothing(value: Any) -> None:
    return None


def _compile_defaults(node: Node) -> Defaulter | None:
    """What fills in the defaults at and below `node`; None when there are none."""
    if not node.custom:
        return None
    if node.type == "array":
        return _array_defaults(node)
    fields: list[tuple[str, Any, bool, Defaulter | None]] = []
    for name, child in node.properties.items():
        inner = _compile_defaults(child)
        if child.default is not MISSING or inner is not None:
            fields.append((name, child.default, child.nullable, inner))
    values = node.values
    rest = _compile_defaults(values) if values is not None else None
    rest_default = values.default if values is not None else MISSING
    if not fields and rest is None and rest_default is MISSING:
        return None
    named = frozenset(node.properties)

    def fill(value: Any) -> None:
        if not isinstance(value, dict):
            return
        for name, default, nullable, inner in fields:
            if default is not MISSING and (
                name not in value or (value[name] is None and not nullable)
            ):
                value[name] = copied(default)
            if inner is not None and name in value:
                inner(value[name])
        if values is None or (rest is None and rest_default is MISSING):
            return
        for key, entry in value.items():
            if key in named:
                continue
            if entry is None and rest_default is not MISSING and not values.nullable:
                value[key] = entry = copied(rest_default)
            if rest is not None:
                rest(entry)

    return fill


def _array_defaults(node: Node) -> Defaulter | None:
    items = node.items
    inner = _compile_defaults(items)
    default, nullable = items.default, items.nullable
    if inner is None and default is MISSING:
        return None

    def fill(value: Any) -> None:
        if not isinstance(value, list):
            return
        for index, item in enumerate(value):
            if item is None and default is not MISSING and not nullable:
                value[index] = copied(default)
            if inner is not None:
                inner(value[index])

    return fill
