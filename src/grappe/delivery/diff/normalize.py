"""Make two states of one object comparable: what the server keeps for itself goes away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from grappe.api import Object
from grappe.api.errors import ApiError

_SERVER_OWNED = ("managedFields", "resourceVersion", "generation", "creationTimestamp", "uid")


def comparable(obj: Object) -> Object:
    """A copy without status and without what the server counts and stamps."""
    copied: Object = orjson.loads(orjson.dumps(obj))
    copied.pop("status", None)
    for field in _SERVER_OWNED:
        copied["metadata"].pop(field, None)
    return copied


def pointer_parts(pointer: str) -> list[str]:
    """The steps of a JSON pointer (RFC 6901)."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def remove_pointers(obj: Object, pointers: Iterable[str]) -> None:
    """Take out, in place, what the pointers lead to; one that leads nowhere is no error."""
    for pointer in pointers:
        parts = pointer_parts(pointer)
        parent = lookup(obj, parts[:-1])
        if isinstance(parent, dict):
            parent.pop(parts[-1], None)
        elif isinstance(parent, list) and _index(parts[-1], parent) is not None:
            parent.pop(int(parts[-1]))


def lookup(value: Any, parts: Sequence[str]) -> Any:
    """What the steps lead to; None where they lead nowhere."""
    for part in parts:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and _index(part, value) is not None:
            value = value[int(part)]
        else:
            return None
    return value


def keep_live(target: Object, live: Object, pointers: Iterable[str]) -> Object:
    """The target with the live values where the pointers lead (RespectIgnoreDifferences)."""
    made: Object = orjson.loads(orjson.dumps(target))
    for pointer in pointers:
        parts = pointer_parts(pointer)
        value = lookup(live, parts)
        parent = lookup(made, parts[:-1])
        if isinstance(parent, dict):
            if value is None:
                parent.pop(parts[-1], None)
            else:
                parent[parts[-1]] = value
    return made


def _index(text: str, items: list[Any]) -> int | None:
    return int(text) if text.isdigit() and int(text) < len(items) else None


def describe(error: ApiError) -> str:
    """An API error as one line for a person."""
    return " ".join(error.message.split())
