"""Whole answers: bytes, objects and errors as Responses."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.apiserver.http.messages import Response
from grappe.apiserver.registry.negotiation import PLAIN, Form

_YAML = "application/yaml"


def warning_headers(warnings: Sequence[str]) -> list[tuple[str, str]]:
    """RFC 7234 warning headers as kubectl prints them."""
    found = []
    for text in dict.fromkeys(warnings):
        quoted = "".join(c for c in text if c.isprintable())
        quoted = quoted.replace("\\", "\\\\").replace('"', '\\"')
        found.append(("Warning", f'299 - "{quoted}"'))
    return found


def answer_bytes(
    status: int,
    body: bytes | Sequence[bytes],
    form: Form = PLAIN,
    warnings: Sequence[str] = (),
) -> Response:
    """JSON bytes in the client's form."""
    headers = warning_headers(warnings) if warnings else ()
    if form.yaml:
        whole = body if isinstance(body, bytes) else b"".join(body)
        return Response(status, _yaml(whole), _YAML, headers)
    return Response(status, body, "application/json", headers)


def answer_object(
    status: int, obj: Object, form: Form = PLAIN, warnings: Sequence[str] = ()
) -> Response:
    return answer_bytes(status, orjson.dumps(obj), form, warnings)


def answer_error(error: ApiError, warnings: Sequence[str] = ()) -> Response:
    return Response(
        error.code,
        orjson.dumps(error.status()),
        "application/json",
        [*error.headers, *warning_headers(warnings)],
    )


def success(details: Object) -> Object:
    """The Status of something done that leaves no object to show."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details,
    }


def _yaml(body: bytes) -> bytes:
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(orjson.loads(body), Dumper=dumper, allow_unicode=True).encode()
