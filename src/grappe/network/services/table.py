"""What the table should hold: the elements of every Service together, and what changed.

Services may ask for the same element: the hairpin entry of a shared pod, or, in conflict, the
same external address. The first by key has its way; when it goes, the next one has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from grappe.network.services.render import Elements

Element: TypeAlias = tuple[str, str]
Change: TypeAlias = tuple[str | None, str | None]
"""(value before, value after); None: not there."""


class Table:
    """`elements` is what should be in the kernel."""

    def __init__(self) -> None:
        self.elements: Elements = {}
        self._parts: dict[str, Elements] = {}
        self._owners: dict[Element, list[str]] = {}

    def update(self, parts: Mapping[str, Elements]) -> dict[Element, Change]:
        """Replace some owners' parts (an empty one removes it); returns what changed by that."""
        touched: dict[Element, str | None] = {}
        for owner, part in parts.items():
            before = self._parts.get(owner, {})
            for element in before.keys() | part.keys():
                touched.setdefault(element, self.elements.get(element))
            self._replace(owner, before, part)
        changes = {}
        for element, old in touched.items():
            new = self._value(element)
            if new is None:
                self.elements.pop(element, None)
            else:
                self.elements[element] = new
            if new != old:
                changes[element] = (old, new)
        return changes

    def _replace(self, owner: str, before: Elements, part: Elements) -> None:
        for element in before.keys() - part.keys():
            self._owners[element].remove(owner)
            if not self._owners[element]:
                del self._owners[element]
        for element in part.keys() - before.keys():
            owners = self._owners.setdefault(element, [])
            owners.append(owner)
            owners.sort()
        if part:
            self._parts[owner] = part
        else:
            self._parts.pop(owner, None)

    def _value(self, element: Element) -> str | None:
        owners = self._owners.get(element)
        return self._parts[owners[0]][element] if owners else None
