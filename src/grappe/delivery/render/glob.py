"""Globs of `directory.include` and `directory.exclude`, as Argo CD reads them."""

from __future__ import annotations

import re
from functools import lru_cache


class BadGlobError(ValueError):
    """The pattern cannot be read."""


@lru_cache(maxsize=256)
def compile_glob(pattern: str) -> re.Pattern[str]:
    """`*` and `**` match anything, slashes too; `?` one character; `[a-z]`, `[!a]`, `{a,b}`, `\\`.

    BadGlobError when a bracket is never closed.
    """
    out: list[str] = []
    depth = position = 0
    while position < len(pattern):
        char = pattern[position]
        position += 1
        if char == "*":
            if not out or out[-1] != ".*":
                out.append(".*")
        elif char == "?":
            out.append(".")
        elif char == "\\" and position < len(pattern):
            out.append(re.escape(pattern[position]))
            position += 1
        elif char == "[":
            end = pattern.find("]", position + 1)
            if end < 0:
                raise BadGlobError(f"glob {pattern!r}: [ is never closed")
            out.append(_character_class(pattern[position:end], pattern))
            position = end + 1
        elif char == "{":
            depth += 1
            out.append("(?:")
        elif char == "}" and depth:
            depth -= 1
            out.append(")")
        elif char == "," and depth:
            out.append("|")
        else:
            out.append(re.escape(char))
    if depth:
        raise BadGlobError(f"glob {pattern!r}: {{ is never closed")
    return re.compile("".join(out), re.DOTALL)


def matches(pattern: str, path: str) -> bool:
    return compile_glob(pattern).fullmatch(path) is not None


def _character_class(inside: str, pattern: str) -> str:
    negated = inside.startswith(("!", "^"))
    body = inside[1:] if negated else inside
    escaped = body.replace("\\", "\\\\").replace("[", "\\[").replace("^", "\\^")
    try:
        re.compile(f"[{escaped}]")
    except re.error:
        raise BadGlobError(f"glob {pattern!r}: [{inside}] is no set of characters") from None
    return f"[{'^' if negated else ''}{escaped}]"
