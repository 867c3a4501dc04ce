"""Kubernetes' regex library: `find` and `findAll`."""

from __future__ import annotations

from itertools import islice

from grappe.api.cel.registry import function
from grappe.api.cel.values import CelError
from grappe.api.schema.regex import GoRegex, PatternError, go_regex


def _compiled(pattern: str) -> GoRegex:
    try:
        return go_regex(pattern)
    except PatternError as error:
        raise CelError(f"Illegal regex: {error}") from None


@function("string.find(string) -> string", on=str)
def find(value: str, pattern: str) -> str:
    return next(_compiled(pattern).matches(value), "")


@function("string.findAll(string) -> list(string)", on=str)
def find_all(value: str, pattern: str) -> list[str]:
    return find_some(value, pattern, -1)


@function("string.findAll(string, int) -> list(string)", on=str)
def find_some(value: str, pattern: str, limit: int) -> list[str]:
    found = _compiled(pattern).matches(value)
    return list(found if limit < 0 else islice(found, limit))
