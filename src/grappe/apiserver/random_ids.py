"""Identifiers: uids and the suffixes of generated names, which nobody can guess, and serial ones.

Random bytes are taken from the system in large pieces: each call costs more than it brings.
"""

from __future__ import annotations

import os
import secrets

from grappe.apiserver.registry.metadata import SUFFIX_ALPHABET, SUFFIX_LENGTH

_POOLED = 4096


class RandomIds:
    """Not to be used on both sides of a fork."""

    def __init__(self) -> None:
        self._pool = ""
        self._at = 0
        self._series = ""
        self._number = 0

    def uid(self) -> str:
        """A version 4 UUID (RFC 9562), in a tenth of the time uuid.uuid4 takes."""
        at = self._at
        if at >= len(self._pool):
            self._pool, at = os.urandom(_POOLED).hex(), 0
        self._at = at + 32
        text = self._pool[at : at + 32]
        variant = "89ab"[int(text[16], 16) & 3]
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"

    def serial(self) -> str:
        """In the form of a UUID and as unique, but not hard to guess: one follows the other."""
        number = self._number
        if not number:
            self._series = self.uid()[:24]
        self._number = (number + 1) & 0xFFFFFFFFFFFF
        return f"{self._series}{number:012x}"

    def suffix(self) -> str:
        """What follows `generateName`."""
        return "".join(secrets.choice(SUFFIX_ALPHABET) for _ in range(SUFFIX_LENGTH))
