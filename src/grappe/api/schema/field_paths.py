"""Paths that a definition gives to its own fields, as `.spec.items['a'].name`: `fieldPath` of
validation rules and `jsonPath` of selectable fields."""

from __future__ import annotations

import re
from collections.abc import Iterator

from grappe.api.schema.node import Node

_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|[.\[\]]|[^.\[\]]+")
_ESCAPE = re.compile(r"\\(.)")


class FieldPathError(ValueError):
    """The path is none, or leads nowhere."""


def field_at(node: Node, path: str, *, brackets: bool = True) -> tuple[tuple[str, ...], Node]:
    """The names on the way, and the schema at its end. Without `brackets` names follow dots
    only. FieldPathError."""
    names: list[str] = []
    tokens = iter(_TOKEN.findall(path))
    current = node
    for token in tokens:
        if token == "[":
            if not brackets:
                raise FieldPathError("array notation is not allowed")
            quoted = _next(tokens)
            if len(quoted) < 2 or quoted[0] != "'" or quoted[-1] != "'":
                raise FieldPathError(f"expected single quoted string but got {quoted}")
            name = _ESCAPE.sub(r"\1", quoted[1:-1])
            if (end := _next(tokens)) != "]":
                raise FieldPathError(f"expected ] but got {end}")
        elif token == ".":
            name = _next(tokens)
        else:
            raise FieldPathError(f"expected [ or . but got: {token}")
        properties = current.raw.get("properties") or {}
        child = current.values if not properties else None
        if name in properties:
            child = current.properties[name]
        if child is None:
            raise FieldPathError("does not refer to a valid field")
        names.append(name)
        current = child
    return tuple(names), current


def _next(tokens: Iterator[str]) -> str:
    found = next(tokens, None)
    if found is None:
        raise FieldPathError("unexpected end of JSON path")
    return found
