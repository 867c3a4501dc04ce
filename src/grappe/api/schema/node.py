"""One place in a schema, as patches and ownership see it.

Children are made when first asked for, so recursive schemas (a CRD's own) are no problem and an
unused branch costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from grappe.api.schema.definitions import definition, reference

NodeType = Literal["object", "array", "string", "integer", "number", "boolean", "any"]
ListType = Literal["atomic", "set", "map"]

OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()


class Node:
    """A schema node.

    `type` is `any` where the schema says nothing (an int-or-string too). An object has
    `properties` (its named fields), `values` (the schema of a map's values), or both. `atomic`
    objects and lists are owned and replaced as a whole. `list_type` of an array is atomic, set
    or map; a map's entries are told apart by `list_map_keys`. `patch_strategies` and
    `patch_merge_key` drive the strategic merge patch. `definition` names the definition a
    built-in node is or refers to. `raw` is the schema itself, after following a reference.
    `compiled` holds what other modules derived from this node, by their own keys.
    """

    __slots__ = (
        "_items",
        "_properties",
        "_target",
        "_values",
        "atomic",
        "compiled",
        "custom",
        "default",
        "definition",
        "embedded",
        "format",
        "list_map_keys",
        "list_type",
        "nullable",
        "patch_merge_key",
        "patch_strategies",
        "preserve_unknown",
        "raw",
        "required",
        "type",
    )

    def __init__(self, schema: Mapping[str, Any], *, custom: bool, embedded: bool = False) -> None:
        self.custom = custom
        self.definition = "" if custom else reference(schema)
        self._target: Node | None = definition_node(self.definition) if self.definition else None
        raw: Mapping[str, Any] = schema if self._target is None else self._target.raw
        self.raw: Mapping[str, Any] = raw
        self.compiled: dict[str, Any] = {}
        self._properties: dict[str, Node] | None = None
        self._items: Node | None = None
        self._values: Node | None = None
        default = schema.get("default")
        self.default: Any = MISSING if default is None else default
        self.format: str = raw.get("format") or ""
        self.required: tuple[str, ...] = tuple(raw.get("required") or ())
        self.nullable = bool(raw.get("nullable"))
        self.preserve_unknown = bool(raw.get("x-kubernetes-preserve-unknown-fields"))
        self.embedded = embedded or bool(raw.get("x-kubernetes-embedded-resource"))
        self.type = _type(raw, self.embedded)

        def mark(name: str) -> Any:
            key = f"x-kubernetes-{name}"
            return schema.get(key) or raw.get(key)

        strategies = (mark("patch-strategy") or "").split(",")
        self.patch_strategies = frozenset(s for s in strategies if s)
        self.patch_merge_key: str = mark("patch-merge-key") or ""
        self.list_type: ListType = "atomic"
        self.list_map_keys: tuple[str, ...] = ()
        if self.type == "array":
            self.list_type = mark("list-type") or self._list_type_of_strategy()
            if self.list_type == "map":
                keys = mark("list-map-keys") or (self.patch_merge_key,)
                self.list_map_keys = tuple(sorted(keys))
            self.atomic = self.list_type == "atomic"
        elif self.type == "object":
            self.atomic = mark("map-type") == "atomic"
        else:
            # Free-form parts of a custom resource are owned field by field, all else as a whole.
            self.atomic = not (self.type == "any" and custom and self.preserve_unknown)

    def _list_type_of_strategy(self) -> ListType:
        """Lists that say only how to patch them are merged by the same key when applied."""
        if "merge" not in self.patch_strategies:
            return "atomic"
        return "map" if self.patch_merge_key else "set"

    @property
    def properties(self) -> dict[str, Node]:
        """The named fields of an object; empty for a pure map."""
        if self._properties is None:
            if self._target is not None:
                self._properties = self._target.properties
            else:
                found = self.raw.get("properties") or {}
                own = {k: Node(v, custom=self.custom) for k, v in found.items()}
                self._properties = own | _type_meta() if self.embedded else own
        return self._properties

    @property
    def values(self) -> Node | None:
        """The schema of a map's values; None when only named fields are allowed."""
        if self._values is None:
            found = self.raw.get("additionalProperties")
            if isinstance(found, dict):
                self._values = Node(found, custom=self.custom)
            elif found is True:
                self._values = free_form(self.custom)
        return self._values

    @property
    def items(self) -> Node:
        """The schema of an array's items."""
        if self._items is None:
            found = self.raw.get("items")
            self._items = (
                Node(found, custom=self.custom)
                if isinstance(found, dict)
                else free_form(self.custom)
            )
        return self._items

    def child(self, key: str) -> Node | None:
        """The schema of the field or map entry `key`; None when the schema does not know it."""
        found = self.properties.get(key)
        if found is not None:
            return found
        if self.values is not None:
            return self.values
        return free_form(self.custom) if self.preserve_unknown or self.type == "any" else None

    def __repr__(self) -> str:
        return f"Node({self.definition or self.type})"


def _type(raw: Mapping[str, Any], embedded: bool) -> NodeType:
    found: NodeType = raw.get("type") or "any"
    if raw.get("format") == "int-or-string" or raw.get("x-kubernetes-int-or-string"):
        return "any"
    if found == "object":
        shaped = raw.get("properties") or raw.get("additionalProperties") or embedded
        return "object" if shaped else "any"
    return found


@cache
def definition_node(name: str) -> Node:
    """The node of a built-in definition; KeyError when there is none of that name."""
    node = Node(definition(name), custom=False)
    node.definition = name
    return node


@cache
def free_form(custom: bool) -> Node:
    """Anything at all."""
    return Node({"x-kubernetes-preserve-unknown-fields": True}, custom=custom)


@cache
def _type_meta() -> dict[str, Node]:
    """The fields every object has, whatever a custom schema says about them."""
    text = Node({"type": "string"}, custom=False)
    return {
        "apiVersion": text,
        "kind": text,
        "metadata": Node({"$ref": f"#/definitions/{OBJECT_META}"}, custom=False),
    }


def mentions_rules(schema: Any) -> bool:
    """Whether a structural schema has `x-kubernetes-validations` anywhere."""
    if isinstance(schema, dict):
        return "x-kubernetes-validations" in schema or any(map(mentions_rules, schema.values()))
    return isinstance(schema, list) and any(map(mentions_rules, schema))
