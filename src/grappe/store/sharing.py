"""Equal labels and fields as one object: ten thousand records often have the same ones.

A dictionary of one label weighs as much as a fifth of a small object's text. Pure; no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

_MOST = 4096
"""So many are known; then all are forgotten, and what is in use stays shared with what it was."""
_NOTHING: Mapping[str, str] = {}


class SharedMappings:
    """Gives out one object for equal mappings; nobody may change what is given out."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}
        self._read: dict[bytes | None, Mapping[str, str]] = {None: _NOTHING}

    def of(self, mapping: Mapping[str, str]) -> Mapping[str, str]:
        """What is equal to `mapping`, in the same order; never `mapping` itself, which its owner
        may change."""
        if not mapping:
            return _NOTHING
        items = tuple(mapping.items())
        found = self._known.get(items)
        if found is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            found = self._known[items] = dict(items)
        return found

    def read(self, text: bytes | None) -> Mapping[str, str]:
        """What a JSON text says; None says nothing. ValueError."""
        found = self._read.get(text)
        if found is None:
            if len(self._read) >= _MOST:
                self._read = {None: _NOTHING}
            found = self._read[text] = self.of(orjson.loads(text or b"{}"))
        return found
