"""Objects and the bytes they are stored as.

A stored body is the JSON text after `{"kind":…,"apiVersion":…,`, with `metadata` first, so that
any served version of a resource is answered by concatenation.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from grappe.api import Object
from grappe.api.fields import index_fields
from grappe.api.resources import builtin_kind
from grappe.apiserver.registry.interface import ServedResource
from grappe.apiserver.registry.jsonpath import value_at
from grappe.store.interface import Draft, Record

_METADATA_ORDER = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
)
_NO_LABELS: dict[str, str] = {}


def stored_form(served: ServedResource, obj: Object) -> Object:
    """`obj` in the form of the storage version; the same object when the form is the same."""
    return served.to_storage(obj) if served.to_storage else obj


@lru_cache(maxsize=1024)
def _order(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in _METADATA_ORDER if name in names)


def draft(served: ServedResource, obj: Object, revision: int) -> Draft:
    """What to store of `obj` (in the storage version's form) at `revision` (0: none yet)."""
    metadata = obj["metadata"]
    if revision:
        metadata["resourceVersion"] = str(revision)
    order = _order(tuple(metadata))
    body: dict[str, Any] = {"metadata": {name: metadata[name] for name in order}}
    for name, value in obj.items():
        if name not in ("metadata", "kind", "apiVersion"):
            body[name] = value
    return Draft(
        body=orjson.dumps(body)[1:],
        labels=metadata.get("labels") or _NO_LABELS,
        fields=_stored_fields(served, obj),
    )


def _stored_fields(served: ServedResource, obj: Object) -> Mapping[str, str]:
    """Kept with the record so that selecting need not parse it. Not for custom resources, whose
    definition may choose other fields at any time: only the version they are of."""
    if served.custom:
        return served.marks
    if served.to_storage is None:
        return selector_fields(served, obj)
    stored = builtin_kind(served.storage_version, served.resource.kind)
    assert stored is not None  # only built-in kinds are converted
    return index_fields(stored, obj)


def selector_fields(served: ServedResource, obj: Object) -> dict[str, str]:
    """What field selectors may ask of `obj`, besides its name and namespace."""
    if not served.custom:
        return index_fields(served.resource, obj)
    found = {}
    for path in served.selectable_fields:
        value = value_at(obj, path)
        if value is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            found[path.removeprefix(".")] = text
    return found


def encode(served: ServedResource, record: Record) -> bytes:
    """The record as the JSON text of a whole object of the served version."""
    if served.from_storage is None:
        return served.prefix + record.body
    return orjson.dumps(decode(served, record))


def decode(served: ServedResource, record: Record) -> Object:
    """The record as a new object of the served version."""
    obj: Object = orjson.loads(b"{" + record.body)
    if served.from_storage is not None:
        obj["apiVersion"], obj["kind"] = served.storage_version, served.resource.kind
        obj = served.from_storage(obj)
    return {"kind": served.resource.kind, "apiVersion": served.resource.api_version} | {
        k: v for k, v in obj.items() if k not in ("kind", "apiVersion")
    }
