"""Which of several classes is the default one."""

from __future__ import annotations

from collections.abc import Iterable

from grappe.api import Object


def default_class(classes: Iterable[Object], *annotations: str) -> str | None:
    """The name of the class one of whose `annotations` is "true": the newest, of several as new
    the first by name."""
    marked = [
        found["metadata"]
        for found in classes
        if any((found["metadata"].get("annotations") or {}).get(a) == "true" for a in annotations)
    ]
    marked.sort(key=lambda metadata: str(metadata["name"]))
    newest = max(marked, key=lambda metadata: str(metadata["creationTimestamp"]), default=None)
    return None if newest is None else str(newest["name"])
