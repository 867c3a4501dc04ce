"""Go's regular expressions: RE2, whose time is linear in the text whatever the pattern.

The one place that knows the library (google-re2); loaded with the first pattern.
https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

from grappe.base.turns import paced

_TOLD = {
    "bad repetition operator": "invalid nested repetition operator",
    "invalid named capture group": "invalid named capture",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid repetition size": "invalid repeat count",
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "no argument for repetition operator": "missing argument to repetition operator",
    "trailing \\": "trailing backslash at end of expression",
    "pattern too large - compile failed": "expression too large",
}
"""What RE2 says, and what Go's package does."""


class PatternError(ValueError):
    """The pattern is none; the message is Go's."""


class GoRegex:
    """A compiled pattern."""

    __slots__ = ("_anywhere", "_match")

    def __init__(self, pattern: str) -> None:
        engine, options = _engine()
        written = pattern.encode(errors="replace")
        made = engine.RE2(written, options)
        if not made.ok():
            raise PatternError(_go_message(made.error().decode(errors="replace"), pattern))
        self._match = made.Match
        self._anywhere = engine.RE2.Anchor.UNANCHORED

    def search(self, text: str) -> bool:
        """Whether it matches anywhere."""
        raw = text.encode(errors="replace")
        return bool(self._match(self._anywhere, raw, 0, len(raw))[0][0] >= 0)

    def matches(self, text: str) -> Iterator[str]:
        """Every match, from the left, none within another."""
        for start, end in paced(self._spans(raw := text.encode(errors="replace"))):
            yield raw[start:end].decode()

    def _spans(self, raw: bytes) -> Iterator[tuple[int, int]]:
        at, size, before = 0, len(raw), -1
        while at <= size:
            start, end = self._match(self._anywhere, raw, at, size)[0]
            if start < 0:
                return
            if start < end or start != before:  # no empty match right behind another
                yield start, end
            before = end
            at = end if start < end else _after(raw, end)


def _after(raw: bytes, at: int) -> int:
    """Where the letter at `at` ends."""
    at += 1
    while at < len(raw) and raw[at] & 0xC0 == 0x80:
        at += 1
    return at


@cache
def _engine() -> tuple[Any, Any]:
    """The library, and how it is to read patterns: quietly, and only for the whole match."""
    import re2

    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    return re2._re2, options


@lru_cache(1024)
def go_regex(pattern: str) -> GoRegex:
    """The compiled pattern; PatternError."""
    return GoRegex(pattern)


def _go_message(told: str, pattern: str) -> str:
    """`missing ]: [a` as Go's package words it."""
    for said, worded in _TOLD.items():
        if told.startswith(said):
            about = told.removeprefix(said).removeprefix(": ")
            return f"error parsing regexp: {worded}: `{about}`"
    said, _, about = told.partition(": ")
    return f"error parsing regexp: {said}: `{about or pattern}`"
