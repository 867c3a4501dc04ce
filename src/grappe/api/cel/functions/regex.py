"""Kubernetes' regex library: `find` and `findAll`."""

from __future__ import annotations

import re

from grappe.api.cel.registry import function
from grappe.api.cel.values import CelError
from grappe.api.schema.regex import go_regex


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return go_regex(pattern)
    except re.error as error:
        raise CelError(f"Illegal regex: {error}") from None


@function("string.find(string) -> string", on=str)
def find(value: str, pattern: str) -> str:
    found = _compiled(pattern).search(value)
    return found[0] if found else ""


@function("string.findAll(string) -> list(string)", on=str)
def find_all(value: str, pattern: str) -> list[str]:
    return find_some(value, pattern, -1)


@function("string.findAll(string, int) -> list(string)", on=str)
def find_some(value: str, pattern: str, limit: int) -> list[str]:
    found = [match[0] for match in _compiled(pattern).finditer(value)]
    return found if limit < 0 else found[:limit]
