"""Whole answers: bytes, objects and errors as Responses."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from grappe.api import Object, protobuf
from grappe.api.errors import ApiError
from grappe.apiserver.http.messages import Response
from grappe.apiserver.registry.negotiation import MEDIA_TYPES, PLAIN, Form, negotiate_status

_WARNINGS_MAX, _WARNING_MAX = 4096, 256
"""Characters of all warnings together; beyond, each is cut, and what still finds no room is left
out. Clients bound what they take in headers."""


def warning_headers(warnings: Sequence[str]) -> list[tuple[str, str]]:
    """RFC 7234 warning headers as kubectl prints them."""
    found: list[tuple[str, str]] = []
    left = _WARNINGS_MAX
    told = dict.fromkeys(warnings)
    if sum(map(len, told)) > _WARNINGS_MAX:
        told = dict.fromkeys(text[:_WARNING_MAX] for text in told)
    for text in told:
        left -= len(text)
        if left < 0:
            break
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
    """What a Representation in the client's form made: protobuf as it is, else JSON, which may
    become YAML."""
    headers = warning_headers(warnings) if warnings else ()
    if form.media == "yaml":
        whole = body if isinstance(body, bytes) else b"".join(body)
        body = _yaml(whole)
    return Response(status, body, MEDIA_TYPES[form.media], headers)


def answer_object(
    status: int, obj: Object, form: Form = PLAIN, warnings: Sequence[str] = ()
) -> Response:
    """An object that is not stored, in the client's form; ApiError 406 when it has no such."""
    body = protobuf.encode(obj) if form.media == "protobuf" else orjson.dumps(obj)
    return answer_bytes(status, body, form, warnings)


def answer_error(error: ApiError, accept: str = "") -> Response:
    """The error's Status in the form the client prefers, JSON where it asks for what a Status
    has not."""
    form = negotiate_status(accept) if accept else PLAIN
    answer = answer_object(error.code, error.status(), form)
    answer.headers = error.headers
    return answer


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
