"""The order of a merged list (strategic merge patch)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def arranged(merged: Mapping[Any, Any], wanted: Sequence[Any], live: Sequence[Any]) -> list[Any]:
    """The values of `merged`, by identity: those in `wanted` in that order, the others in the
    order of `live`, put between as far as the live order tells (an item of the patch that the
    live list does not have goes first)."""
    position = {identity: i for i, identity in reversed(list(enumerate(live)))}
    chosen = {identity: None for identity in wanted if identity in merged}
    ours = list(chosen)
    others = sorted((i for i in merged if i not in chosen), key=lambda i: position.get(i, -1))
    result: list[Any] = []
    left = right = 0
    while left < len(others) and right < len(ours):
        ahead = position.get(ours[right])
        if ahead is not None and position.get(others[left], ahead) < ahead:
            result.append(merged[others[left]])
            left += 1
        else:
            result.append(merged[ours[right]])
            right += 1
    result += [merged[i] for i in ours[right:]]
    result += [merged[i] for i in others[left:]]
    return result
