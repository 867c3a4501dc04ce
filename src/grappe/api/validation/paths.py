"""Paths within a volume: they must not lead out of it."""

from __future__ import annotations

from grappe.api.causes import invalid
from grappe.api.validation.rules import Causes


def no_backsteps(path: str, at: str) -> Causes:
    if ".." in path and ".." in path.split("/"):
        yield invalid(at, path, "must not contain '..'")


def descending_path(path: str, at: str) -> Causes:
    """Relative, and never upwards."""
    if path.startswith("/"):
        yield invalid(at, path, "must be a relative path")
    yield from no_backsteps(path, at)


def local_path(path: str, at: str) -> Causes:
    """A descending path that does not begin as the names that volumes keep for themselves do."""
    if path[:1] not in ("/", ".") and ".." not in path:
        return
    yield from descending_path(path, at)
    if path.startswith("..") and not path.startswith("../"):
        yield invalid(at, path, "must not start with '..'")
