"""Kubernetes' JSON patch library: `jsonpatch.escapeKey('a/b')`."""

from __future__ import annotations

from grappe.api.cel.registry import function


@function("jsonpatch.escapeKey(string) -> string")
def escape_key(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
