"""Stored records as objects, for the parts of the server that read the store themselves."""

from __future__ import annotations

import orjson

from grappe.api import Object
from grappe.api.resources import Resource
from grappe.store.interface import Record


def text_of(record: Record) -> bytes:
    """The record as JSON text of an object without its `kind` and `apiVersion`."""
    return b"{" + record.body


def body_of(record: Record) -> Object:
    """The record as a new object without its `kind` and `apiVersion`."""
    found: Object = orjson.loads(text_of(record))
    return found


def object_of(resource: Resource, record: Record) -> Object:
    """The record as a new object of `resource`, whose storage version is that of `resource`."""
    return {"kind": resource.kind, "apiVersion": resource.api_version, **body_of(record)}
