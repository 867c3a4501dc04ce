"""What belongs into configMap, secret, downwardAPI and projected volumes (pure).

https://kubernetes.io/docs/concepts/storage/projected-volumes/
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from grappe.api import Object

DEFAULT_MODE = 0o644


class MountFault(Exception):
    """A volume cannot be set up; the message is for the pod's event."""


class Entry(NamedTuple):
    """A file of a volume."""

    data: bytes
    mode: int


Payload: TypeAlias = dict[str, Entry]


def of_config_map(obj: Object) -> dict[str, bytes]:
    """A ConfigMap's files: its data and its binaryData."""
    files = {key: value.encode() for key, value in (obj.get("data") or {}).items()}
    for key, value in (obj.get("binaryData") or {}).items():
        files[key] = base64.b64decode(value)
    return files


def of_secret(obj: Object) -> dict[str, bytes]:
    return {key: base64.b64decode(value) for key, value in (obj.get("data") or {}).items()}


def pick(files: Mapping[str, bytes], source: Object, default_mode: int, what: str) -> Payload:
    """All keys, or those that `items` name, at the paths they name. `what` is for the message."""
    items = source.get("items")
    if not items:
        return {key: Entry(data, default_mode) for key, data in files.items()}
    out: Payload = {}
    for item in items:
        data = files.get(item["key"])
        if data is None:
            if source.get("optional"):
                continue
            raise MountFault(f"{what} references non-existent {what_key(what)}: {item['key']}")
        mode = item.get("mode")
        out[item["path"]] = Entry(data, default_mode if mode is None else mode)
    return out


def what_key(what: str) -> str:
    """`configmap` → `config key`, `secret` → `secret key`, as the kubelet says it."""
    return "config key" if what == "configmap" else "secret key"


def of_downward_items(
    items: list[Object],
    default_mode: int,
    field: Callable[[str], str],
    resource: Callable[[Object], str],
) -> Payload:
    """`field` and `resource` give the values of fieldRef and resourceFieldRef."""
    out: Payload = {}
    for item in items:
        mode = item.get("mode")
        if "fieldRef" in item:
            text = field(item["fieldRef"].get("fieldPath", ""))
        else:
            text = resource(item.get("resourceFieldRef") or {})
        out[item["path"]] = Entry(text.encode(), default_mode if mode is None else mode)
    return out
