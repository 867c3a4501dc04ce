"""The schema of a built-in kind."""

from __future__ import annotations

from functools import cache

from grappe.api import Object
from grappe.api.copying import copied
from grappe.api.errors import Cause
from grappe.api.schema.decode import decoder
from grappe.api.schema.definitions import definition_of_kind
from grappe.api.schema.interface import DecodingError
from grappe.api.schema.node import Node, definition_node


class BuiltinSchema:
    """A `Schema` read from the data of Kubernetes' own kinds."""

    __slots__ = ("root",)

    def __init__(self, root: Node) -> None:
        self.root = root

    def decode(self, obj: Object, *, keep_empty: bool = False) -> list[str]:
        unknown: list[str] = []
        decoder(self.root, keep_empty)(obj, unknown)
        return unknown

    def default(self, obj: Object) -> None:
        """Nothing: built-in kinds' defaults are in `grappe.api.defaults`."""

    def check(self, obj: Object) -> list[Cause]:
        """Types only: what a built-in kind may hold besides is in `grappe.api.validation`."""
        try:
            decoder(self.root)(copied(obj), [])
        except DecodingError as error:
            return [Cause("", "FieldValueTypeInvalid", str(error))]
        return []

    @property
    def has_rules(self) -> bool:
        return False

    def check_update(self, obj: Object, old: Object) -> list[Cause]:
        return self.check(obj)


@cache
def builtin_schema(api_version: str, kind: str) -> BuiltinSchema:
    """The schema of a kind of Kubernetes' own; KeyError when there is none."""
    name = definition_of_kind(api_version, kind)
    if name is None:
        raise KeyError(f"{api_version} {kind} is no built-in kind")
    return BuiltinSchema(definition_node(name))
