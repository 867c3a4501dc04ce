"""Values for a schema: mostly what it asks for, sometimes what nobody would."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping
from typing import Any

from tests.cluster.test_api_every_kind import OBJECTS
from tests.fuzz.operations import Operation

NAMES = ("a", "b", "web", "default", "kube-system", "x.example.com", "n1")
"""Few, so that requests meet objects that earlier ones made."""

_STRINGS = (
    *NAMES,
    "",
    "*",
    "/",
    "a/b",
    "web:1",
    "TCP",
    "Always",
    "Exists",
    "In",
    "NodePort",
    "ClusterIP",
    "None",
    "127.0.0.1",
    "10.96.0.50",
    "10.96.0.0/16",
    "::1",
    "1Gi",
    "100m",
    "1e9999",
    "50%",
    "2026-01-31T12:00:00Z",
    "2026-01-31T12:00:00.000000Z",
    "0001-01-01T00:00:00Z",
    "apps/v1",
    "v1",
    "ConfigMap",
    "self.x == 1",
    "object.metadata.name.matches('a')",
    "(",
    "[a-z",
    "{.spec.x}",
    "$(A)",
    "*/5 * * * *",
    "@every 1h",
    "YQ==",
    "\x00",
    "\u2028",
    "Ä b",
    "🙂",
    "..",
    "a" * 64,
    "a" * 254,
    "9" * 400,
    "http://127.0.0.1:1/",
)
_NUMBERS = (0, 1, 2, 80, -1, 65536, 2**31, -(2**31) - 1, 2**63 - 1, -(2**63), 0.5, 1e308, -0.0)
_ODD: tuple[Any, ...] = (None, True, False, [], {}, [None], {"": None}, [[]], {"a": {"b": []}})
_DIRECTIVES: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("$patch", ("delete", "replace", "merge", "x", None)),
    ("$retainKeys", (["name"], [], [None], "x")),
    ("$setElementOrder/containers", ([{"name": "a"}], [], ["a"], None)),
    ("$setElementOrder/finalizers", (["a"], [1], {})),
    ("$deleteFromPrimitiveList/finalizers", (["a"], [{}], "x")),
)
_KEYS = ("a", "app", "b/c", "cpu", "", "kubernetes.io/x", "\x00", "x" * 70)
_DEPTH = 9


def _good_object(operation: Operation) -> dict[str, Any] | None:
    """A valid object, without its head, for the operation's path."""
    if operation.kind == "Widget":
        return {"spec": {"name": "web", "port": "http", "list": [{"name": "a"}]}}
    parts = operation.path.split("/")
    found = next((OBJECTS[part] for part in parts if part in OBJECTS), None)
    return copy.deepcopy(found)  # it is about to be damaged


class Values:
    """Draws from `dice`. `odd` is how often a place gets a value of any type."""

    def __init__(self, dice: random.Random, odd: float) -> None:
        self._dice = dice
        self._odd = odd

    def string(self) -> str:
        return self._dice.choice(_STRINGS)

    def anything(self) -> Any:
        which = self._dice.randrange(4)
        if which == 0:
            return self._dice.choice(_ODD)
        if which == 1:
            return self._dice.choice(_NUMBERS)
        return self.string()

    def of(self, operation: Operation, schema: Mapping[str, Any], depth: int = _DEPTH) -> Any:
        dice = self._dice
        schema = operation.referred(schema)
        if depth <= 0 or dice.random() < self._odd:
            return self.anything()
        if "enum" in schema and dice.random() < 0.8:
            return dice.choice(schema["enum"])
        kind = schema.get("type")
        if kind == "object" or "properties" in schema:
            return self._object(operation, schema, depth)
        if kind == "array":
            return [
                self.of(operation, schema.get("items", {}), depth - 1)
                for _ in range(dice.choice((0, 1, 1, 1, 2, 3)))
            ]
        if kind == "integer":
            return dice.choice((0, 1, 2, 80, 443, dice.choice(_NUMBERS)))
        if kind == "boolean":
            return dice.random() < 0.5
        if kind == "number":
            return dice.choice(_NUMBERS)
        return self.string() if kind == "string" else self.anything()

    def _object(self, operation: Operation, schema: Mapping[str, Any], depth: int) -> Any:
        dice = self._dice
        properties = schema.get("properties")
        if not properties:
            inner = schema.get("additionalProperties")
            inner = inner if isinstance(inner, Mapping) else {}
            return {
                dice.choice(_KEYS): self.of(operation, inner, depth - 1)
                for _ in range(dice.choice((0, 1, 1, 2)))
            }
        required = schema.get("required", ())
        often = min(0.5, 4 / len(properties))
        return {
            name: self.of(operation, inner, depth - 1)
            for name, inner in properties.items()
            if dice.random() < (0.97 if name in required else often)
        }

    def object_of(self, operation: Operation, name: str, namespace: str) -> Any:
        """A whole object for the operation's path, most often with the right head."""
        good = _good_object(operation)
        if good is not None and self._dice.random() < 0.7:
            found = good
            while self._dice.random() < 0.6:
                found = self._grafted(operation, operation.schema or {}, found)
        else:
            found = self.of(operation, operation.schema or {})
        if not isinstance(found, dict) or self._dice.random() < 0.02:
            return found
        if self._dice.random() < 0.95:
            found |= {"apiVersion": operation.api_version, "kind": operation.kind}
        if self._dice.random() < 0.9:
            metadata = found.get("metadata")
            kept = metadata if isinstance(metadata, dict) and self._dice.random() < 0.3 else {}
            kept = {**kept, "name": name}
            if self._dice.random() < 0.8:
                kept.pop("resourceVersion", None)
            if "{namespace}" in operation.path:
                kept["namespace"] = namespace
            found["metadata"] = kept
        return found

    def _grafted(self, operation: Operation, schema: Mapping[str, Any], obj: Any) -> Any:
        """`obj` with one more of its schema's fields somewhere in it, or one of them anew."""
        dice = self._dice
        schema = operation.referred(schema)
        properties = schema.get("properties", {})
        if isinstance(obj, dict) and properties:
            inside = [name for name in obj if name in properties]
            name = dice.choice(inside or list(properties))
            if not inside or dice.random() < 0.3:
                name = dice.choice(list(properties))
                return {**obj, name: self.of(operation, properties[name], 4)}
            return {**obj, name: self._grafted(operation, properties[name], obj[name])}
        if isinstance(obj, list) and obj and "items" in schema:
            at = dice.randrange(len(obj))
            return [*obj[:at], self._grafted(operation, schema["items"], obj[at]), *obj[at + 1 :]]
        return self.of(operation, schema, 4)

    def damaged(self, value: Any) -> Any:
        """`value` with something else, something more or something less at one place."""
        dice = self._dice
        if not isinstance(value, (dict, list)) or not value or dice.random() < 0.1:
            return self.anything()
        if isinstance(value, list):
            copied, at = list(value), dice.randrange(len(value))
            if dice.random() < 0.2:
                return [*copied, copied[at]]
            copied[at] = self.damaged(copied[at])
            return copied
        changed = dict(value)
        key = dice.choice(list(changed))
        how = dice.random()
        if how < 0.15:
            del changed[key]
        elif how < 0.3:
            directive, values = dice.choice(_DIRECTIVES)
            changed[directive] = dice.choice(values)
        elif how < 0.4:
            changed[dice.choice(_KEYS)] = changed[key]
        else:
            changed[key] = self.damaged(changed[key])
        return changed

    def json_patch(self, obj: Any) -> Any:
        """A JSON patch of an object like `obj`."""
        return [
            {
                "op": self._dice.choice(("add", "remove", "replace", "move", "copy", "test", "x")),
                "path": self._pointer(obj),
                "from": self._pointer(obj),
                "value": self.anything(),
            }
            for _ in range(self._dice.choice((1, 1, 2, 5)))
        ]

    def _pointer(self, obj: Any) -> str:
        dice, steps = self._dice, [""]
        while isinstance(obj, (dict, list)) and obj and dice.random() < 0.8:
            key: Any = dice.choice(list(obj)) if isinstance(obj, dict) else dice.randrange(len(obj))
            obj = obj[key]
            steps.append(str(key).replace("~", "~0").replace("/", "~1"))
        if dice.random() < 0.3:
            steps.append(dice.choice(("-", "0", "01", "-1", "~2", "", "9" * 30, "x", "٣")))
        return "/".join(steps)
