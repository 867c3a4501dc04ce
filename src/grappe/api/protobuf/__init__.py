"""Kubernetes' protobuf encoding of built-in kinds, as Go clients send it.

A body is four magic bytes and a `runtime.Unknown` envelope that names the kind
(https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding). Field numbers
are a table made from the published Go modules by `tools/generate_protobuf.py`. Custom resources
have no protobuf form. Decoding only; must never be needed for an answer, which is JSON.
"""

from grappe.api.protobuf.decode import CONTENT_TYPE, decode

__all__ = ["CONTENT_TYPE", "decode"]
