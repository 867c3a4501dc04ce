"""What a refused update would have changed, as text below the refusal.

A unified diff of both as indented JSON, as Kubernetes has printed it since 1.34
(apimachinery, util/diff); with the names that fields have in manifests, where Kubernetes prints
those of its internal types.
"""

from __future__ import annotations

import json
from itertools import takewhile
from operator import eq

from grappe.api import Object

_CONTEXT = 10
_LONGEST = 400
"""Lines that are compared at most: the comparison is quadratic, and nobody reads more."""


def spec_diff(old: Object, new: Object) -> str:
    """The lines that differ, with what stands around them; empty when they are too many."""
    import difflib  # only refusals need it

    before, after = (_lines(spec) for spec in (old, new))
    start = max(0, _alike(before, after) - _CONTEXT)
    before, after = before[start:], after[start:]
    end = max(0, _alike(before[::-1], after[::-1]) - _CONTEXT)
    before, after = before[: len(before) - end], after[: len(after) - end]
    if max(len(before), len(after)) > _LONGEST:
        return ""
    found = difflib.unified_diff(before, after, n=_CONTEXT, lineterm="")
    _, _, *lines = found  # file names
    told = [_moved(line, start) if line.startswith("@@ ") else line for line in lines]
    return "\n".join(("--- expected", "+++ got", *told, ""))


def _lines(spec: Object) -> list[str]:
    return json.dumps(spec, indent=2, sort_keys=True, ensure_ascii=False).split("\n")


def _alike(one: list[str], other: list[str]) -> int:
    """How many lines both begin with."""
    return sum(takewhile(bool, map(eq, one, other)))


def _moved(header: str, by: int) -> str:
    """The head of a hunk (`@@ -1,4 +1,5 @@`) whose lines begin so much later."""
    mark, *ranges, end = header.split(" ")
    moved = []
    for text in ranges:
        line, comma, count = text[1:].partition(",")
        moved.append(f"{text[0]}{int(line) + by}{comma}{count}")
    return " ".join((mark, *moved, end))
