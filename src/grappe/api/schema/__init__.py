"""What an object of a kind may hold: fields, types, list keys, patch strategies, defaults.

Built-in kinds come from data made of one Kubernetes version (`data/`, tools/generate_schema.py),
custom ones from the structural schema of their CustomResourceDefinition. Everything is loaded and
compiled when first used, kind by kind. Must never know a kind by name: what is special about a
field is in the schema, defaults of built-in kinds in `grappe.api.defaults`, their rules in
`grappe.api.validation`.
"""

from grappe.api.schema.builtin import BuiltinSchema, builtin_schema
from grappe.api.schema.custom import CustomSchema, crd_schema
from grappe.api.schema.interface import DecodingError, Schema
from grappe.api.schema.node import Node, mentions_rules
from grappe.api.schema.structural import crd_schema_problems, structure_of

__all__ = [
    "BuiltinSchema",
    "CustomSchema",
    "DecodingError",
    "Node",
    "Schema",
    "builtin_schema",
    "crd_schema",
    "crd_schema_problems",
    "mentions_rules",
    "structure_of",
]
