"""From a response that is no success to the ApiError it stands for."""

from __future__ import annotations

import orjson

from grappe.api.errors import ApiError

_TEXT_LIMIT = 400


def error_of(status: int, body: bytes) -> ApiError:
    """The error in `body`: a Kubernetes `Status`, or any text (a proxy's page), bounded."""
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError:
        decoded = None
    if isinstance(decoded, dict) and decoded.get("kind") == "Status":
        return ApiError.from_status(status, decoded)
    text = body[:_TEXT_LIMIT].decode("utf-8", "replace").strip()
    return ApiError(status, "", f"the server answered {status}" + (f": {text}" if text else ""))
