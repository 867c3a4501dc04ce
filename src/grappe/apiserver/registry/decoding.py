"""Request bodies: JSON, YAML or protobuf in, an object out, and what a strict reader would say.

`fieldValidation` is described at https://kubernetes.io/docs/reference/using-api/api-concepts/
#validation-for-unrecognized-or-duplicate-fields .
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from grappe.api import Object, protobuf
from grappe.api.errors import bad_request, unsupported_media_type
from grappe.api.schema import DecodingError
from grappe.apiserver.registry.interface import ServedResource
from grappe.apiserver.registry.limits import MAX_DEPTH, check_depth
from grappe.apiserver.registry.parameters import Validation
from grappe.apiserver.registry.yaml_bodies import read_yaml, repeated_keys

_BODY_TYPES = ("application/json", "application/yaml", protobuf.CONTENT_TYPE)


def media_type(headers: Mapping[str, str]) -> str:
    """The content type without its parameters; JSON when the client named none."""
    return _without_parameters(headers.get("content-type", ""))


@lru_cache(maxsize=64)
def _without_parameters(named: str) -> str:
    return named.split(";", 1)[0].strip().lower() or "application/json"


def read_body(body: bytes, headers: Mapping[str, str], expected: str) -> Any:
    """The JSON value of a body; ApiError 415 or 400. `expected` is the kind for messages."""
    kind = media_type(headers)
    if kind not in _BODY_TYPES:
        accepted = ", ".join(_BODY_TYPES)
        raise unsupported_media_type(
            "the body of the request was in an unknown format - accepted media types include: "
            + accepted
        )
    if kind == protobuf.CONTENT_TYPE:
        return protobuf.decode(body)
    try:
        return read_yaml(body) if kind == "application/yaml" else read_json(body)
    except ValueError as error:
        raise _unrecognized(body, expected, f"couldn't get version/kind; {error}") from None


def read_json(body: bytes) -> Any:
    """The JSON value of a body; ValueError when it is none, or nested too deep."""
    found = orjson.loads(body)
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        check_depth(found)
    return found


def _unrecognized(body: bytes, expected: str, why: str) -> Exception:
    shown = body[:30].decode(errors="replace") + (" ..." if len(body) > 30 else "")
    return bad_request(
        f"the object provided is unrecognized (must be of type {expected}): {why} ({shown})"
    )


def read_object(
    body: bytes,
    headers: Mapping[str, str],
    served: ServedResource,
    validation: Validation,
    warnings: list[str],
) -> Object:
    """The object a client sends, with `kind`, `apiVersion` and `metadata` filled in and unknown
    fields dropped. Complaints are added to `warnings`, or raised when the client is strict."""
    resource = served.resource
    found = read_body(body, headers, resource.kind)
    if not isinstance(found, dict):
        raise _unrecognized(body, resource.kind, "cannot unmarshal into an object")
    complaints = [] if validation == "Ignore" else duplicate_fields(body, headers, found)
    check_kind(found, resource.api_version, resource.kind)
    found["kind"], found["apiVersion"] = resource.kind, resource.api_version
    metadata = found.get("metadata")
    if metadata is None:
        found["metadata"] = {}
    elif not isinstance(metadata, dict):
        raise cannot_be_handled(served, "metadata must be an object")
    settle_unknown_fields(found, served, validation, warnings, complaints)
    return found


def settle_unknown_fields(
    obj: Object,
    served: ServedResource,
    validation: Validation,
    warnings: list[str],
    complaints: list[str],
) -> None:
    """Read `obj` as its kind: drop what the schema does not know, telling the client as it
    asked to be told."""
    try:
        unknown = served.schema.decode(obj)
    except DecodingError as error:
        raise cannot_be_handled(served, str(error)) from None
    if not unknown and not complaints:
        return
    complaints = [*(f'unknown field "{path}"' for path in unknown), *complaints]
    if validation == "Ignore":
        return
    if validation == "Strict":
        raise cannot_be_handled(served, "strict decoding error: " + ", ".join(complaints))
    warnings += complaints


def check_kind(obj: Object, api_version: str, kind: str) -> None:
    """ApiError 400 when the object says it is something else than the path serves."""
    if obj.get("apiVersion") == api_version and obj.get("kind") == kind:
        return
    if not all(isinstance(obj.get(name), str | None) for name in ("apiVersion", "kind")):
        raise bad_request("apiVersion and kind must be strings")
    said_version = obj.get("apiVersion") or api_version
    said_kind = obj.get("kind") or kind
    if said_version != api_version:
        raise bad_request(
            f"the API version in the data ({said_version}) does not match the expected API "
            f"version ({api_version})"
        )
    if said_kind != kind:
        version = api_version.rpartition("/")[2]
        raise bad_request(
            f'{said_kind} in version "{version}" cannot be handled as a {kind}: '
            f"converting ({said_kind}) to ({kind}): unknown conversion"
        )


def cannot_be_handled(served: ServedResource, why: str) -> Exception:
    resource = served.resource
    return bad_request(
        f'{resource.kind} in version "{resource.version}" cannot be handled as a '
        f"{resource.kind}: {why}"
    )


def duplicate_fields(body: bytes, headers: Mapping[str, str], decoded: Object) -> list[str]:
    """Complaints about keys given twice in a body as JSON or YAML.

    Decoding keeps the last; whether JSON lost any shows in the number of quotes, so that the
    exact, slow look is taken only when it is worth it.
    """
    kind = media_type(headers)
    if kind == "application/yaml":
        return repeated_keys(body)
    return repeated_fields(body, decoded) if kind == "application/json" else []


def repeated_fields(body: bytes, decoded: Object) -> list[str]:
    """Complaints about fields given twice in JSON that was decoded to `decoded`."""
    if body.count(b'"') == orjson.dumps(decoded).count(b'"'):
        return []
    return [f'duplicate field "{path}"' for path in _repeated(body)]


class _Pairs(dict[str, Any]):
    """A JSON object that remembers which of its keys came twice."""

    repeated: tuple[str, ...] = ()


def _pairs(items: list[tuple[str, Any]]) -> _Pairs:
    found = _Pairs(items)
    if len(found) != len(items):
        names = [name for name, _ in items]
        found.repeated = tuple(dict.fromkeys(n for n in names if names.count(n) > 1))
    return found


def _repeated(body: bytes) -> list[str]:
    paths: list[str] = []
    _gather(json.loads(body, object_pairs_hook=_pairs), "", paths)
    return paths


def _gather(value: Any, path: str, paths: list[str]) -> None:
    if isinstance(value, _Pairs):
        prefix = f"{path}." if path else ""
        paths.extend(prefix + name for name in value.repeated)
        for name, inner in value.items():
            _gather(inner, prefix + name, paths)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _gather(inner, f"{path}[{index}]", paths)
