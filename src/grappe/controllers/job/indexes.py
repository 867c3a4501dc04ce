"""Sets of completion indexes, as in `status.completedIndexes`: `0-2,5,6`. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def parse(text: str, below: int) -> set[int]:
    """The indexes named, those outside 0…below-1 left out (the Job was made smaller); text that
    is not understood names none."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        try:
            low = int(first)
            high = int(last) if last else low
        except ValueError:
            continue
        found.update(range(max(low, 0), min(high, below - 1) + 1))
    return found


def spell(indexes: Iterable[int]) -> str:
    """The shortest text: three or more in a row become a range."""
    parts: list[str] = []
    run: list[int] = []
    for index in [*sorted(set(indexes)), None]:
        if run and (index is None or index != run[-1] + 1):
            parts += [f"{run[0]}-{run[-1]}"] if len(run) > 2 else [str(i) for i in run]
            run = []
        if index is not None:
            run.append(index)
    return ",".join(parts)


def first_missing(taken: Iterable[int], count: int, below: int) -> list[int]:
    """The lowest `count` indexes that are not taken."""
    used = set(taken)
    found: list[int] = []
    for index in range(below):
        if len(found) >= count:
            break
        if index not in used:
            found.append(index)
    return found
