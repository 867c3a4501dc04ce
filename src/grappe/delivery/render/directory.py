"""A folder of manifests: which files count, and the objects in them.

https://argo-cd.readthedocs.io/en/stable/user-guide/directory/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from grappe.api import Object
from grappe.delivery.render.glob import BadGlobError, matches
from grappe.delivery.render.yaml_documents import BadYamlError, documents

_SUFFIXES = (".yaml", ".yml", ".json")
_SKIP_MARK = b"+argocd:skip-file-rendering"
_OTHER_TOOLS = {
    "Chart.yaml": "a Helm chart",
    "kustomization.yaml": "a Kustomize overlay",
    "kustomization.yml": "a Kustomize overlay",
    "Kustomization": "a Kustomize overlay",
}


class RenderError(Exception):
    """The files are no manifests; the message names file and line."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """An object and where it stands: `deploy/web.yaml:12`."""

    object: Object
    origin: str


def select(
    names: Iterable[str], *, recurse: bool = False, include: str = "", exclude: str = ""
) -> list[str]:
    """Those files, named relative to the folder, that hold manifests, in order.

    RenderError when the folder is something else than plain manifests, or a glob is bad.
    """
    chosen: list[str] = []
    for name in sorted(names):
        if name in _OTHER_TOOLS:
            raise RenderError(
                f"{name}: this is {_OTHER_TOOLS[name]}, which is not supported: commit the "
                "rendered manifests and point path at their folder"
            )
        if not name.endswith(_SUFFIXES) or ("/" in name and not recurse):
            continue
        try:
            if exclude and matches(exclude, name):
                continue
            if include and not matches(include, name):
                continue
        except BadGlobError as error:
            raise RenderError(str(error)) from None
        chosen.append(name)
    return chosen


def render(files: Mapping[str, bytes]) -> list[Manifest]:
    """Every object of the files, Lists taken apart, in order of file and place."""
    found: list[Manifest] = []
    for name, content in files.items():
        if _SKIP_MARK in content:
            continue
        read = _json if name.endswith(".json") else _yaml
        for line, value in read(name, content):
            found += _objects(value, f"{name}:{line}")
    return found


def _yaml(name: str, content: bytes) -> Iterable[tuple[int, Any]]:
    try:
        yield from documents(_text(name, content))
    except BadYamlError as error:
        raise RenderError(f"{name}:{error.line}: {error}") from None


def _json(name: str, content: bytes) -> Iterable[tuple[int, Any]]:
    text = _text(name, content)
    if not text.strip():
        return
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise RenderError(f"{name}:{error.lineno}: {error.msg}") from None
    for item in value if isinstance(value, list) else [value]:
        yield 1, item


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RenderError(f"{name}:{line}: the text is not UTF-8") from None


def _objects(value: Any, origin: str) -> Iterable[Manifest]:
    if not isinstance(value, dict):
        raise RenderError(f"{origin}: a manifest is a mapping with apiVersion and kind")
    for required in ("apiVersion", "kind"):
        if not isinstance(value.get(required), str) or not value[required]:
            raise RenderError(f"{origin}: {required} is missing")
    items = value.get("items")
    if value["kind"].endswith("List") and isinstance(items, list):
        for index, item in enumerate(items):
            yield from _objects(item, f"{origin} items[{index}]")
        return
    meta = value.get("metadata")
    if not isinstance(meta, dict):
        raise RenderError(f"{origin}: {value['kind']} has no metadata")
    _check(meta, f"{origin}: {value['kind']}")
    yield Manifest(value, origin)


def _check(meta: Mapping[str, Any], what: str) -> None:
    """The parts of metadata that are read before the server sees the object."""
    if not meta.get("name") and not meta.get("generateName"):
        raise RenderError(f"{what} has no metadata.name")
    for field in ("name", "generateName", "namespace"):
        if not isinstance(meta.get(field, ""), str):
            raise RenderError(f"{what}: metadata.{field} must be a string: quote it")
    for field in ("labels", "annotations"):
        mapping = meta.get(field)
        if mapping is None:
            continue
        if not isinstance(mapping, dict):
            raise RenderError(f"{what}: metadata.{field} must be a mapping")
        for key, value in mapping.items():
            if not isinstance(value, str):
                raise RenderError(
                    f"{what}: metadata.{field}.{key} must be a string: quote {value!r}"
                )
