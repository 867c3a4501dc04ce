"""create, update and patch of whole objects."""

from __future__ import annotations

from typing import Any

import orjson

from grappe.api import Object, causes
from grappe.api.apply import apply
from grappe.api.errors import (
    OBJECT_MODIFIED,
    ApiError,
    bad_request,
    conflict,
    invalid,
    method_not_allowed,
    unsupported_media_type,
)
from grappe.api.patch import json_patch, merge_patch, strategic_merge_patch, unknown_members
from grappe.api.schema import DecodingError
from grappe.apiserver.http.messages import Response
from grappe.apiserver.registry import metadata as rules
from grappe.apiserver.registry.answers import answer_bytes
from grappe.apiserver.registry.backend import Backend, Call
from grappe.apiserver.registry.committing import until_settled
from grappe.apiserver.registry.decoding import (
    cannot_be_handled,
    check_kind,
    media_type,
    read_json,
    read_object,
    repeated_fields,
)
from grappe.apiserver.registry.negotiation import Form
from grappe.apiserver.registry.parameters import WriteOptions, write_options
from grappe.apiserver.registry.representation import represent
from grappe.apiserver.registry.writing import Change, Written, create_object, update_object
from grappe.apiserver.registry.yaml_bodies import read_yaml, repeated_keys
from grappe.base.clock import rfc3339

_APPLY = "application/apply-patch+yaml"
_JSON_PATCH = "application/json-patch+json"
_MERGE = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"


def show(backend: Backend, call: Call, written: Written, form: Form) -> Response:
    """The answer to a write: the object as it is now."""
    shown = represent(call.served, form, backend.clock, call.info.query.get("includeObject", ""))
    status = 201 if written.created else 200
    return answer_bytes(status, shown.one(written.record), form, call.warnings)


async def create(backend: Backend, call: Call) -> Response:
    """POST of a new object."""
    info, request, form = call.info, call.request, call.form
    if info.name:
        raise method_not_allowed(info.plural, info.group)
    options = write_options(info.query, request.headers, "CreateOptions")
    obj = read_object(request.body, request.headers, call.served, options.validation, call.warnings)
    return show(backend, call, await create_object(backend, call, obj, options), form)


async def update(backend: Backend, call: Call, subresource: str = "") -> Response:
    """PUT of a whole object (or of its status)."""
    request, form = call.request, call.form
    options = write_options(call.info.query, request.headers, "UpdateOptions")
    obj = read_object(request.body, request.headers, call.served, options.validation, call.warnings)
    resource = call.served.resource
    rules.check_name(obj, resource, call.info.namespace, call.info.name)
    strategy = backend.strategies.of(call.served)
    if (
        strategy.create_on_update
        and not subresource
        and backend.store.latest(call.served.bucket, call.key) is None
        and not obj["metadata"].get("resourceVersion")
        and not obj["metadata"].get("uid")
    ):
        return show(backend, call, await create_object(backend, call, obj, options), form)
    body = orjson.dumps(obj)
    pinned = bool(obj["metadata"].get("resourceVersion"))
    written = await update_object(
        backend,
        call,
        lambda _live: orjson.loads(body),
        options,
        subresource=subresource,
        retry=not pinned,
    )
    return show(backend, call, written, form)


async def patch(backend: Backend, call: Call, subresource: str = "") -> Response:
    """PATCH in any of the four ways; server-side apply creates what is not there."""
    kind, form = media_type(call.request.headers), call.form
    options = write_options(
        call.info.query, call.request.headers, "PatchOptions", apply=kind == _APPLY
    )
    if kind == _APPLY:
        written = await _apply(backend, call, options, subresource)
    else:
        change = _patching(call, kind, options)
        written = await update_object(
            backend, call, change, options, subresource=subresource, retry=True
        )
    return show(backend, call, written, form)


def _patching(call: Call, kind: str, options: WriteOptions) -> Change:
    """What a JSON, merge or strategic merge patch does to an object."""
    served = call.served
    supported = [_JSON_PATCH, _MERGE, _APPLY]
    if not served.custom:
        supported.insert(2, _STRATEGIC)
    if kind not in supported:
        raise unsupported_media_type(
            "the body of the request was in an unknown format - accepted media types include: "
            + ", ".join(supported)
        )
    document = patch_document(call.request.body)

    def change(live: Object) -> Object:
        if kind == _JSON_PATCH:
            patched: Any = json_patch(live, document)
        elif kind == _MERGE:
            patched = merge_patch(live, document)
        else:
            patched = strategic_merge_patch(live, document, served.schema)
        if not isinstance(patched, dict) or not isinstance(patched.get("metadata"), dict):
            raise bad_request("the patch leaves no object")
        check_kind(patched, served.resource.api_version, served.resource.kind)
        found: Object = patched
        _settle_patched(call, found, document, options)
        return found

    return change


def _settle_patched(call: Call, obj: Object, document: Any, options: WriteOptions) -> None:
    """Read a patched object as its kind, in place. Whatever is wrong with it is wrong with the
    patch: ApiError 422. Of unknown fields the client is told as it asked to be told."""
    try:
        unknown = call.served.schema.decode(obj)
    except DecodingError as error:
        raise _invalid_patch(document, str(error)) from None
    if options.validation == "Ignore":
        return
    operations = isinstance(document, list)
    complaints = unknown_members(document) if operations else []
    repeated = repeated_fields(call.request.body, document)
    complaints += [f"json patch {told}" for told in repeated] if operations else repeated
    complaints += [f'unknown field "{path}"' for path in unknown]
    if complaints and options.validation == "Strict":
        raise _invalid_patch(document, "strict decoding error: " + ", ".join(complaints))
    call.warnings += complaints


def _invalid_patch(document: Any, why: str) -> ApiError:
    shown = orjson.dumps(document).decode()
    return invalid("", "", [causes.invalid("patch", shown, why)])


def patch_document(body: bytes) -> Any:
    """The JSON of a JSON, merge or strategic merge patch; ApiError 400."""
    try:
        return read_json(body)
    except ValueError as error:
        raise bad_request(f"error decoding patch: {error}") from None


def _ignored(has_status: bool, subresource: str, applied: Object) -> list[tuple[str, ...]]:
    """The fields of an applied configuration that its endpoint neither writes nor lets anybody
    own: the status outside of the status subresource, all else within it."""
    if subresource == "status":
        rest = [(name,) for name in applied if name not in ("metadata", "status")]
        return [*rest, ("metadata", "labels")]
    return [("status",)] if has_status and not subresource else []


async def _apply(backend: Backend, call: Call, options: WriteOptions, subresource: str) -> Written:
    served, resource = call.served, call.served.resource
    applied = _read_applied(call, options)
    if not applied.get("apiVersion") or not applied.get("kind"):
        raise bad_request("apiVersion and kind must be set in an apply patch")
    check_kind(applied, resource.api_version, resource.kind)
    metadata = applied.setdefault("metadata", {})
    if not isinstance(metadata, dict):
        raise bad_request("metadata must be an object")
    if metadata.get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    metadata.setdefault("name", call.info.name)
    rules.check_name(applied, resource, call.info.namespace, call.info.name)
    version = metadata.pop("resourceVersion", None)
    _read_as_typed(call, applied)
    text = orjson.dumps(applied)
    says_nothing = any(sign in text for sign in _NOTHING)

    def merged(live: Object | None) -> Object:
        found = apply(
            live,
            applied,
            manager=options.manager,
            api_version=resource.api_version,
            schema=served.schema,
            now=rfc3339(backend.clock.now()),
            force=options.force,
            subresource=subresource,
            reset_fields=_ignored(backend.strategies.of(served).has_status, subresource, applied),
        )
        if live is not None and version:
            found["metadata"]["resourceVersion"] = version
        if says_nothing:
            served.schema.decode(found)
        return found

    if backend.store.latest(served.bucket, call.key) is None and not subresource:
        if version:
            await until_settled(backend.store, served.bucket, call.key)
            raise conflict(resource.plural, call.info.name, OBJECT_MODIFIED, resource.group)
        return await create_object(backend, call, merged(None), options, applied=True)
    return await update_object(
        backend, call, merged, options, subresource=subresource, retry=True, applied=True
    )


_NOTHING = (b"{}", b"[]", b'""', b":false", b":0")
"""What may be left out where it is stored, although whoever applies it owns it."""


def _read_applied(call: Call, options: WriteOptions) -> Object:
    """The body of an apply: YAML, which most clients send as JSON, since that is much quicker to
    read. Repeated keys are told as the client asked."""
    body = call.request.body
    try:
        applied = read_json(body)
        repeated = repeated_fields(body, applied)
    except ValueError:
        try:
            applied = read_yaml(body)
            repeated = repeated_keys(body)
        except ValueError as error:
            raise bad_request(f"error decoding YAML: {error}") from None
    if not isinstance(applied, dict):
        raise bad_request("error decoding YAML: the patch must be an object")
    if repeated and options.validation == "Strict":
        raise bad_request(
            "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  "
            + "\n  ".join(repeated)
        )
    if repeated and options.validation == "Warn":
        call.warnings.extend(repeated)
    return applied


def _read_as_typed(call: Call, applied: Object) -> None:
    """Read an applied object as its kind, in place. Whoever applies owns what it says, so that a
    field nobody knows is an error however lax the client is."""
    served = call.served
    try:
        unknown = served.schema.decode(applied, keep_empty=True)
    except DecodingError as error:
        raise cannot_be_handled(served, str(error)) from None
    if not unknown:
        return
    told = [f".{path}: field not declared in schema" for path in unknown]
    resource, info = served.resource, call.info
    where = f"{info.namespace}/{info.name}; {resource.api_version}, Kind={resource.kind}"
    why = told[0] if len(told) == 1 else "errors:\n  " + "\n  ".join(told)
    raise bad_request(f"failed to create typed patch object ({where}): {why}")
