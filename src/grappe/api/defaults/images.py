"""When an image is pulled, by its name."""

from __future__ import annotations


def pull_policy(image: str) -> str:
    """Always for `latest` and for no tag at all, unless a digest says exactly which image."""
    name, _, digest = image.partition("@")
    _, colon, tag = name.rpartition("/")[2].partition(":")
    if colon:
        return "Always" if tag == "latest" else "IfNotPresent"
    return "IfNotPresent" if digest else "Always"
