"""delete and deletecollection: preconditions, grace, finalizers, propagation.

An object with finalizers or a grace period is only marked; it goes when the last of them has
gone (`writing.replace`).
https://kubernetes.io/docs/concepts/architecture/garbage-collection/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grappe.api import Object
from grappe.api.causes import not_supported
from grappe.api.errors import (
    OBJECT_MODIFIED,
    ApiError,
    Cause,
    bad_request,
    conflict,
    invalid,
    not_found,
)
from grappe.api.go_json import kind_of
from grappe.api.resources import Resource
from grappe.apiserver.http.messages import Response
from grappe.apiserver.registry import metadata as rules
from grappe.apiserver.registry.answers import answer_bytes, answer_object, success
from grappe.apiserver.registry.backend import Backend, Call
from grappe.apiserver.registry.codec import decode, draft
from grappe.apiserver.registry.committing import commit, until_committed, until_settled
from grappe.apiserver.registry.decoding import read_body
from grappe.apiserver.registry.parameters import dry_run_problems, list_options, number
from grappe.apiserver.registry.reading import find
from grappe.apiserver.registry.representation import many, represent
from grappe.apiserver.registry.routing import flag
from grappe.apiserver.registry.strategies.base import NO_RESERVATION, Strategy
from grappe.apiserver.registry.versions import all_shown, shown, to_storage
from grappe.apiserver.registry.writing import LOST, admission_request
from grappe.base.clock import parse_rfc3339, rfc3339
from grappe.store.interface import Record, RevisionMismatchError

_ATTEMPTS = 5
_POLICIES = ("Foreground", "Background", "Orphan")
_INT64_BITS = 63
_LONGEST_GRACE = 100 * 365 * 86400
"""Seconds. The end of a longer grace period might be no date any more."""
_FIELDS: Mapping[str, tuple[type, str]] = {
    "dryRun": (list, "[]string"),
    "gracePeriodSeconds": (int, "int64"),
    "orphanDependents": (bool, "bool"),
    "preconditions": (dict, "v1.Preconditions"),
    "preconditions.resourceVersion": (str, "string"),
    "preconditions.uid": (str, "types.UID"),
    "propagationPolicy": (str, "v1.DeletionPropagation"),
}
"""What DeleteOptions hold, with the names that Go has for it."""


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """`propagation` empty: the kind's own (background for all that is served). `cascades`: the
    client said so with `orphanDependents: false`, and hears 202 of what is not gone at once."""

    grace: int | None = None
    propagation: str = ""
    cascades: bool = False
    uid: str = ""
    resource_version: str = ""
    dry_run: bool = False
    raw: Object | None = None


def delete_options(call: Call) -> DeleteOptions:
    """From the body, or without one from the query; ApiError 400 or 422."""
    if call.request.body.strip():
        found = read_body(call.request.body, call.request.headers, "DeleteOptions")
        if not isinstance(found, dict):
            raise bad_request("the object provided is unrecognized (must be of type DeleteOptions)")
        return options_from(found)
    return options_from(_asked(call.info.query))


def _asked(query: Mapping[str, str]) -> Object:
    """DeleteOptions as query parameters."""
    found: Object = {}
    if (grace := number(query, "gracePeriodSeconds")) is not None:
        found["gracePeriodSeconds"] = grace
    if "propagationPolicy" in query:
        found["propagationPolicy"] = query["propagationPolicy"]
    if "orphanDependents" in query:
        found["orphanDependents"] = flag(query, "orphanDependents")
    if query.get("dryRun"):
        found["dryRun"] = [query["dryRun"]]
    return found


def options_from(body: Object) -> DeleteOptions:
    """DeleteOptions from an object; ApiError 400 or 422."""
    _check_types(body)
    grace = body.get("gracePeriodSeconds")
    propagation = body.get("propagationPolicy")
    orphan = body.get("orphanDependents")
    causes = []
    if grace is not None and grace < 0:
        grace = 1
    if orphan is not None and propagation is not None:
        message = (
            f'Invalid value: "{propagation}": '
            "orphanDependents and deletionPropagation cannot be both set"
        )
        causes.append(Cause("propagationPolicy", "FieldValueInvalid", message))
    if propagation is not None and propagation not in _POLICIES:
        causes.append(not_supported("propagationPolicy", propagation, (*_POLICIES, "nil")))
    causes += dry_run_problems(body.get("dryRun") or [])
    if causes:
        raise invalid("DeleteOptions", "", causes, "meta.k8s.io")
    if orphan is not None:
        propagation = "Orphan" if orphan else "Background"
    wanted: dict[str, Any] = body.get("preconditions") or {}
    return DeleteOptions(
        grace=grace,
        propagation=propagation or "",
        cascades=orphan is False,
        uid=wanted.get("uid") or "",
        resource_version=wanted.get("resourceVersion") or "",
        dry_run=bool(body.get("dryRun")),
        raw=body,
    )


def _check_types(body: Object) -> None:
    """ApiError 400 for a field of another type than it has."""
    for path, (wanted, name) in _FIELDS.items() if body else ():
        part, _, field = path.rpartition(".")
        value = ((body.get(part) or {}) if part else body).get(field)
        if value is not None and type(value) is not wanted:
            raise _unfit(value, path, name)
        if type(value) is int and value.bit_length() > _INT64_BITS:
            raise _unfit(value, path, name)
        for stage in value if isinstance(value, list) else ():
            if not isinstance(stage, str):
                raise _unfit(stage, path, "string")


def _unfit(value: Any, path: str, wanted: str) -> ApiError:
    found = f"number {value}" if type(value) is int and wanted == "int64" else kind_of(value)
    return bad_request(
        'DeleteOptions in version "v1" cannot be handled as a DeleteOptions: json: cannot '
        f"unmarshal {found} into Go struct field DeleteOptions.{path} of type {wanted}"
    )


async def delete(backend: Backend, call: Call) -> Response:
    """DELETE of one object: the object where it lives on or the kind shows it, else a Status."""
    form = call.form
    options = delete_options(call)
    strategy = backend.strategies.of(call.served)
    if strategy.deletion_warning and not options.propagation:
        call.warnings.append(strategy.deletion_warning)
    gone, record, old = await delete_object(backend, call, call.key, call.info.name, options)
    resource = call.served.resource
    if gone and not strategy.returns_deleted:
        details: Object = {"name": call.info.name}
        if resource.group:
            details["group"] = resource.group
        details |= {"kind": resource.plural, "uid": old["metadata"]["uid"]}
        return answer_object(200, success(details), form, call.warnings)
    include = call.info.query.get("includeObject", "")
    answer = represent(call.served, form, backend.clock, include).one(record)
    status = 202 if options.cascades and not gone else 200
    return answer_bytes(status, answer, form, call.warnings)


async def delete_object(
    backend: Backend, call: Call, key: str, name: str, options: DeleteOptions
) -> tuple[bool, Record, Object]:
    """Delete or mark one object. Whether it is gone, its last record, and what it was before."""
    resource = call.served.resource
    try:
        for _ in range(_ATTEMPTS):
            live = backend.store.latest(call.served.bucket, key)
            if live is None:
                raise not_found(resource.plural, name, resource.group)
            try:
                return await _delete_once(backend, call, live, name, options)
            except RevisionMismatchError:
                continue
        raise conflict(resource.plural, name, OBJECT_MODIFIED, resource.group)
    except ApiError as error:
        if error.code in LOST:
            await until_settled(backend.store, call.served.bucket, key)
        raise


async def _delete_once(
    backend: Backend, call: Call, live: Record, name: str, options: DeleteOptions
) -> tuple[bool, Record, Object]:
    served, resource = call.served, call.served.resource
    strategy = backend.strategies.of(served)
    seen = await shown(served, live)
    old = decode(served, seen)
    _check_preconditions(options, old, resource)
    request = admission_request(
        call, "DELETE", None, old, name=name, dry_run=options.dry_run, options=options.raw
    )
    request.namespace = old["metadata"].get("namespace", "")
    await backend.admission.admit(request)
    await backend.admission.validate(request)
    new = decode(served, seen)
    marked = _mark(new, old, strategy, options, backend.clock.now())
    ends = not _remains(new, strategy)
    if not marked and not ends:
        await until_committed(backend.store, served.bucket, live)
        return False, seen, old
    stored = await to_storage(served, new)
    if options.dry_run:
        made = draft(served, stored, live.revision)
        record = Record(live.key, live.revision, made.body, made.labels, made.fields)
        return ends, await shown(served, record), old
    write = backend.store.delete if ends else backend.store.put
    record = await commit(
        lambda: write(served.bucket, live.key, live.revision, lambda r: draft(served, stored, r)),
        strategy.release(old) if ends else NO_RESERVATION,
    )
    return ends, await shown(served, record), old


def _check_preconditions(options: DeleteOptions, old: Object, resource: Resource) -> None:
    metadata = old["metadata"]
    for what, wanted, found, happened in (
        ("UID", options.uid, metadata["uid"], "deleted and then recreated"),
        ("ResourceVersion", options.resource_version, metadata["resourceVersion"], "modified"),
    ):
        if wanted and wanted != found:
            why = (
                f"the {what} in the precondition ({wanted}) does not match the {what} in record "
                f"({found}). The object might have been {happened}"
            )
            raise conflict(resource.kind, metadata["name"], why, resource.group)


def _mark(new: Object, old: Object, strategy: Strategy, options: DeleteOptions, now: float) -> bool:
    """Write the deletion into `new`; whether that changed anything."""
    metadata = new["metadata"]
    finalizers = rules.finalizers_for(
        options.propagation, metadata.get("finalizers") or [], orphans=strategy.orphans
    )
    if finalizers:
        metadata["finalizers"] = finalizers
    else:
        metadata.pop("finalizers", None)
    grace = strategy.grace_period(old, options.grace)
    if grace is not None:
        grace = min(grace, _LONGEST_GRACE)
    if metadata.get("deletionTimestamp"):
        _shorten(metadata, grace if options.grace is not None else None, now)
    elif grace or finalizers or strategy.holds_back(new):
        # The object's end is set; what it should be until then is no user's business any more.
        metadata["deletionTimestamp"] = rfc3339(now + (grace or 0))
        if not strategy.holds_back(old):
            metadata["deletionGracePeriodSeconds"] = grace or 0
        if metadata.get("generation"):
            strategy.count(new)
    strategy.marked(new)
    return new != old


def _shorten(metadata: Object, grace: int | None, now: float) -> None:
    """A later request may bring the end of the grace period forward, never put it off, nor set it
    in the past."""
    before = metadata.get("deletionGracePeriodSeconds") or 0
    if grace is None or grace >= before:
        return
    end = parse_rfc3339(metadata["deletionTimestamp"])
    end += grace - before
    if end < now:
        end, grace = now, min(grace, 1)
    metadata["deletionTimestamp"] = rfc3339(end)
    metadata["deletionGracePeriodSeconds"] = grace


def _remains(obj: Object, strategy: Strategy) -> bool:
    metadata = obj["metadata"]
    return bool(
        metadata.get("finalizers")
        or metadata.get("deletionGracePeriodSeconds")
        or strategy.holds_back(obj)
    )


async def delete_collection(backend: Backend, call: Call) -> Response:
    """DELETE of everything a list with the same parameters shows; that list."""
    form = call.form
    listed = list_options(call.info.query, watch=False)
    options = delete_options(call)
    found = find(backend, call, listed)
    records = found.records(await all_shown(call.served, found.candidates))
    for record in records:
        name = record.key.rpartition("/")[2]
        try:
            await delete_object(backend, call, record.key, name, options)
        except ApiError as error:
            if error.code != 404:  # someone else was quicker
                raise
    include = call.info.query.get("includeObject", "")
    answer = many(represent(call.served, form, backend.clock, include), records, found.metadata)
    return answer_bytes(200, answer, form, call.warnings)
