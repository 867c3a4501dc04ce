"""Kubernetes' protobuf encoding of built-in kinds, as Go clients send and ask for it.

A body is four magic bytes and a `runtime.Unknown` envelope that names the kind
(https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding). Field numbers
are a table made from the published Go modules by `tools/generate_protobuf.py`. Custom resources
have no protobuf form. Pure functions between bytes and JSON objects; must never be needed for an
answer in JSON.
"""

from grappe.api.protobuf.decode import CONTENT_TYPE, decode
from grappe.api.protobuf.encode import encode
from grappe.api.protobuf.naming import is_encoded, name_of

__all__ = ["CONTENT_TYPE", "decode", "encode", "is_encoded", "name_of"]
