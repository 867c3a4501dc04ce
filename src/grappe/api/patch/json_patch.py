"""JSON patch (RFC 6902), `application/json-patch+json`.

Errors as the API server gives them: a patch that is malformed is 400, one that cannot be applied
to this document is 422 "the server rejected our request due to an error in our request".
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from grappe.api import Object
from grappe.api.copying import copied
from grappe.api.errors import ApiError, bad_request, too_large
from grappe.api.go_json import kind_of

MAX_OPERATIONS = 10_000
MAX_COPIED = 3 * 1024 * 1024
"""Bytes that all copies of one patch may add, as JSON: a few that copy what others have copied
would fill any memory."""
_TEXTS = ("op", "path", "from")
_MEMBERS = frozenset((*_TEXTS, "value"))
_INDEX = re.compile(r"-?(?:0|[1-9][0-9]*)")


class _Inapplicable(Exception):
    """The patch does not fit the document."""


def json_patch(doc: Object, operations: Any) -> Object:
    """`doc` after all operations, in order; `doc` itself is left alone."""
    _check(operations)
    if len(operations) > MAX_OPERATIONS:
        raise too_large(
            f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, "
            f"got {len(operations)}"
        )
    result: Any = copied(doc)
    added = 0
    try:
        for operation in operations:
            if operation.get("op") == "copy":
                added += len(orjson.dumps(_get(result, _pointer(operation, "from"))))
                if added > MAX_COPIED:
                    raise _Inapplicable
            result = _apply(result, operation)
    except _Inapplicable:
        raise ApiError(
            422,
            "Invalid",
            "the server rejected our request due to an error in our request",
            {},
        ) from None
    if not isinstance(result, dict):
        raise bad_request("the patched document is not an object")
    return result


def _check(operations: Any) -> None:
    """ApiError 400 unless it is a list of operations whose members have their types."""
    if not isinstance(operations, list) or not all(isinstance(o, dict) for o in operations):
        raise bad_request("error decoding patch: a JSON patch is an array of operations")
    for operation in operations:
        for member in _TEXTS:
            if not isinstance(operation.get(member), str | None):
                raise bad_request(
                    f"error decoding patch: json: cannot unmarshal {kind_of(operation[member])} "
                    f"into Go struct field jsonPatchOp.{member} of type string"
                )


def unknown_members(operations: Any) -> list[str]:
    """Complaints about members that no operation has."""
    return [
        f'json patch unknown field "[{i}].{member}"'
        for i, operation in enumerate(operations)
        for member in operation
        if member not in _MEMBERS
    ]


def _pointer(operation: dict[str, Any], member: str) -> list[str]:
    text = operation.get(member)
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise _Inapplicable
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _apply(doc: Any, operation: dict[str, Any]) -> Any:
    path = _pointer(operation, "path")
    match operation.get("op"):
        case "add":
            return _add(doc, path, copied(operation.get("value")))
        case "replace":
            return _replace(doc, path, copied(operation.get("value")))
        case "remove":
            _remove(doc, path)
            return doc
        case "move":
            source = _pointer(operation, "from")
            if path[: len(source)] == source and path != source:
                raise _Inapplicable
            value = _get(doc, source)
            _remove(doc, source)
            return _add(doc, path, value)
        case "copy":
            return _add(doc, path, copied(_get(doc, _pointer(operation, "from"))))
        case "test":
            _test(doc, path, operation.get("value"))
            return doc
        case _:
            raise _Inapplicable


def _index(part: str, limit: int) -> int:
    """An array index below `limit`; negative ones count from the end, as Kubernetes allows."""
    if not _INDEX.fullmatch(part):
        raise _Inapplicable
    index = int(part)
    if index < 0:
        index += limit
    if not 0 <= index < limit:
        raise _Inapplicable
    return index


def _get(doc: Any, path: list[str]) -> Any:
    for part in path:
        if isinstance(doc, dict):
            if part not in doc:
                raise _Inapplicable
            doc = doc[part]
        elif isinstance(doc, list):
            doc = doc[_index(part, len(doc))]
        else:
            raise _Inapplicable
    return doc


def _add(doc: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, last = _get(doc, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list):
        parent.insert(len(parent) if last == "-" else _index(last, len(parent) + 1), value)
    else:
        raise _Inapplicable
    return doc


def _replace(doc: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, last = _get(doc, path[:-1]), path[-1]
    if isinstance(parent, dict):
        if last not in parent:
            raise _Inapplicable
        parent[last] = value
    elif isinstance(parent, list):
        parent[_index(last, len(parent))] = value
    else:
        raise _Inapplicable
    return doc


def _remove(doc: Any, path: list[str]) -> None:
    if not path:
        raise _Inapplicable
    parent, last = _get(doc, path[:-1]), path[-1]
    if isinstance(parent, dict):
        if last not in parent:
            raise _Inapplicable
        del parent[last]
    elif isinstance(parent, list):
        del parent[_index(last, len(parent))]
    else:
        raise _Inapplicable


def _test(doc: Any, path: list[str], expected: Any) -> None:
    """A member that is not there equals null; numbers compare by value, booleans only to
    booleans."""
    try:
        found = _get(doc, path)
    except _Inapplicable:
        if expected is None:
            return
        raise
    if not _equal(found, expected):
        raise _Inapplicable


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(v, b[k]) for k, v in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_equal(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    return bool(a == b)
