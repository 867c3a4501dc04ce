"""The JSONPath of printer columns: fields, indexes, wildcards and simple filters.

https://kubernetes.io/docs/reference/kubectl/jsonpath/ : `.spec.replicas`, `.spec['a.b']`,
`.items[0]`, `.items[-1]`, `.items[*].name`, `.conditions[?(@.type=="Ready")].status`. Recursive
descent (`..`), slices and unions are not understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

Step = Callable[[Any], list[Any]]

_FIELD = re.compile(r"\.((?:[^\s.\[\]\\]|\\.)+)")
_INDEX = re.compile(r"\[(-?[0-9]+)\]")
_QUOTED = re.compile(r"""\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]""")
_WILDCARD = re.compile(r"\[\*\]|\.\*")
_FILTER = re.compile(
    r"""\[\?\(\s*@((?:\.[^\s.=!<>()\[\]]+|\['[^']*'\])+)\s*
        (?:(==|!=)\s*(?:"([^"]*)"|'([^']*)'|(-?[0-9.]+)|(true|false)))?\s*\)\]""",
    re.VERBOSE,
)


class JsonPathError(ValueError):
    """The path is not in the form understood here; the message says where."""


class JsonPath:
    """A compiled path."""

    def __init__(self, text: str) -> None:
        self._steps = _compile(text)

    def values(self, obj: Any) -> list[Any]:
        """Everything the path leads to, in order."""
        found = [obj]
        for step in self._steps:
            found = [value for each in found for value in step(each)]
        return found


@lru_cache(maxsize=2048)
def json_path(text: str) -> JsonPath:
    """Compile `text`; JsonPathError when it is not understood."""
    return JsonPath(text)


def _compile(text: str) -> list[Step]:
    rest = text.strip()
    if rest.startswith("{") and rest.endswith("}"):
        rest = rest[1:-1]
    rest = rest.removeprefix("$")
    if rest and rest[0] not in ".[":
        rest = "." + rest
    if rest == ".":
        return []
    steps: list[Step] = []
    position = 0
    while position < len(rest):
        for pattern, make in _GRAMMAR:
            match = pattern.match(rest, position)
            if match:
                steps.append(make(match))
                position = match.end()
                break
        else:
            raise JsonPathError(f'unrecognized JSON path "{text}" at "{rest[position:]}"')
    return steps


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _field(match: re.Match[str]) -> Step:
    name = _unescaped(next(group for group in match.groups() if group is not None))
    return lambda value: [value[name]] if isinstance(value, dict) and name in value else []


def _index(match: re.Match[str]) -> Step:
    number = int(match[1])

    def step(value: Any) -> list[Any]:
        inside = isinstance(value, list) and -len(value) <= number < len(value)
        return [value[number]] if inside else []

    return step


def _wildcard(match: re.Match[str]) -> Step:
    def step(value: Any) -> list[Any]:
        if isinstance(value, list):
            return value
        return list(value.values()) if isinstance(value, dict) else []

    return step


def _filter(match: re.Match[str]) -> Step:
    path = JsonPath(match[1])
    operator = match[2]
    wanted = _literal(match)

    def chosen(item: Any) -> bool:
        found = path.values(item)
        if operator is None:
            return bool(found)
        return bool(found) and (found[0] == wanted) is (operator == "==")

    def step(value: Any) -> list[Any]:
        return [item for item in value if chosen(item)] if isinstance(value, list) else []

    return step


def _literal(match: re.Match[str]) -> Any:
    for text in (match[3], match[4]):
        if text is not None:
            return text
    if match[5] is not None:
        try:
            return float(match[5])
        except ValueError:
            raise JsonPathError(f"not a number: {match[5]}") from None
    return match[6] == "true"


_GRAMMAR: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Step]], ...] = (
    (_WILDCARD, _wildcard),
    (_FIELD, _field),
    (_INDEX, _index),
    (_QUOTED, _field),
    (_FILTER, _filter),
)
