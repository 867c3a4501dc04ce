"""Which fields other managers own (`ignoreDifferences.managedFieldsManagers`).

The format of fieldsV1: https://github.com/kubernetes-sigs/structured-merge-diff (serialized as in
https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson

from grappe.api import Object


def remove_owned(states: Collection[Object], live: Object, managers: Collection[str]) -> None:
    """Take out of each state, in place, the fields that `live` says these managers own."""
    for entry in live["metadata"].get("managedFields") or ():
        if entry.get("manager") in managers:
            for state in states:
                _remove(state, entry.get("fieldsV1") or {})


def _remove(value: Any, fields: dict[str, Any]) -> None:
    """Take out of a mapping or list what `fields` names; leaves are named by empty mappings."""
    for key, below in fields.items():
        leaf = not below or set(below) == {"."}
        if key.startswith("f:") and isinstance(value, dict):
            name = key[2:]
            if leaf:
                value.pop(name, None)
            else:
                _remove(value.get(name), below)
        elif key.startswith("k:") and isinstance(value, list):
            wanted = orjson.loads(key[2:])
            for item in value:
                if isinstance(item, dict) and wanted.items() <= item.items():
                    _remove(item, below)
        elif key.startswith("v:") and isinstance(value, list):
            item = orjson.loads(key[2:])
            if item in value:
                value.remove(item)
