"""Bodies that are not the object of the path: Scale, Binding, Eviction, TokenRequest."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.errors import bad_request
from grappe.api.schema import DecodingError, builtin_schema
from grappe.apiserver.registry.backend import Backend, Call
from grappe.apiserver.registry.decoding import check_kind, read_body
from grappe.apiserver.registry.writing import admission_request


def read_kind(call: Call, kind: str, *api_versions: str) -> Object:
    """The request's body as a `kind` of one of these versions (the first when it says none);
    ApiError 400 or 415. A name in its metadata must be that of the path."""
    found = read_body(call.request.body, call.request.headers, kind)
    if not isinstance(found, dict):
        raise bad_request(f"the object provided is unrecognized (must be of type {kind})")
    said = found.get("apiVersion")
    version = said if said in api_versions else api_versions[0]
    check_kind(found, version, kind)
    found["kind"], found["apiVersion"] = kind, version
    try:
        builtin_schema(version, kind).decode(found)
    except DecodingError as error:
        short = version.rpartition("/")[2]
        raise bad_request(
            f'{kind} in version "{short}" cannot be handled as a {kind}: {error}'
        ) from None
    metadata = found.setdefault("metadata", {})
    if not isinstance(metadata, dict):
        raise bad_request("metadata must be an object")
    name = metadata.get("name")
    if call.info.name and name and name != call.info.name:
        raise bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({call.info.name})"
        )
    namespace = metadata.get("namespace")
    if namespace and namespace != call.info.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    return found


async def admit_body(backend: Backend, call: Call, body: Object, dry_run: bool) -> Object:
    """Have the creation of a subresource's object admitted; the object as it is after that."""
    request = admission_request(call, "CREATE", body, None, name=call.info.name, dry_run=dry_run)
    await backend.admission.admit(request)
    await backend.admission.validate(request)
    return request.obj or body
