"""A few words to write structural schemas with."""

from __future__ import annotations

from grappe.api import Object

STRING: Object = {"type": "string"}
BOOLEAN: Object = {"type": "boolean"}
INTEGER: Object = {"type": "integer", "format": "int64"}
TIME: Object = {"type": "string", "format": "date-time"}
STRINGS: Object = {"type": "array", "items": STRING}
STRING_MAP: Object = {"type": "object", "additionalProperties": STRING}
ANYTHING: Object = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def record(*required: str, **properties: Object) -> Object:
    """An object with these properties; `required` names those that must be there."""
    schema: Object = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    return schema


def array(items: Object) -> Object:
    return {"type": "array", "items": items}


def described(text: str, schema: Object) -> Object:
    """The same schema with a description, as `kubectl explain` shows it."""
    return {"description": text, **schema}
