"""Pod templates: whether two are the same, and a hash that names one. Pure."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from grappe.api import Object

HASH_LABEL = "pod-template-hash"

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels and nothing that looks alike: no hash spells a word."""


def _plain(value: Any) -> Any:
    """Without what the absence of a value is sometimes written as."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value


def comparable(template: Object) -> Object:
    """A pod template without the hash label, to compare two."""
    found: Object = _plain(template)
    meta = {k: v for k, v in (found.get("metadata") or {}).items() if v}
    labels = {k: v for k, v in meta.get("labels", {}).items() if k != HASH_LABEL}
    meta.pop("labels", None)
    if labels:
        meta["labels"] = labels
    return {"metadata": meta, "spec": found.get("spec") or {}}


def template_hash(template: Object, collisions: int) -> str:
    """Ten characters that stay the same for the same template, whatever wrote it."""
    text = orjson.dumps([comparable(template), collisions], option=orjson.OPT_SORT_KEYS)
    number = int.from_bytes(hashlib.sha256(text).digest()[:8])
    found = ""
    for _ in range(10):
        number, digit = divmod(number, len(_ALPHABET))
        found += _ALPHABET[digit]
    return found
