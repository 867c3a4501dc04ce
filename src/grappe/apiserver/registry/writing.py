"""The way of a write: default, admit, settle, validate, say who owns what, commit.

`create_object` and `update_object` are that way for every verb and subresource that changes an
object. Nothing is decided on a state older than the one the store is told to expect, so a write
either happens on what it was decided on or starts over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from grappe.api import Object
from grappe.api.apply import track_update
from grappe.api.apply.managers import decode as readable
from grappe.api.defaults import apply_defaults
from grappe.api.errors import (
    OBJECT_MODIFIED,
    ApiError,
    Cause,
    already_exists,
    conflict,
    invalid,
    name_not_generated,
    not_found,
)
from grappe.api.names import generated_name
from grappe.api.validation.metadata import managed_fields
from grappe.api.warnings import warnings_of
from grappe.apiserver.registry import metadata as rules
from grappe.apiserver.registry.backend import Backend, Call, key_of
from grappe.apiserver.registry.codec import decode, draft
from grappe.apiserver.registry.committing import commit, until_committed, until_settled
from grappe.apiserver.registry.interface import AdmissionRequest, Operation, ServedResource
from grappe.apiserver.registry.parameters import WriteOptions
from grappe.apiserver.registry.strategies.base import Strategy
from grappe.apiserver.registry.validating import (
    deliberated,
    problems_of_new,
    problems_of_update,
)
from grappe.apiserver.registry.versions import shown, to_storage
from grappe.base.clock import rfc3339
from grappe.store.interface import Record, RevisionMismatchError

_NAME_ATTEMPTS = 8
_CONFLICT_ATTEMPTS = 5
LOST = (404, 409)
"""What a write is refused with when another was quicker: told once that other is on disk."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a write left behind. `created`: there was nothing before it. Of a dry run, and of an
    update that changed nothing, `record` was not written."""

    record: Record
    created: bool = False


def default(served: ServedResource, obj: Object) -> None:
    """Fill in defaults, in place."""
    if served.custom:
        served.schema.default(obj)
    else:
        apply_defaults(served.resource, obj)


def refuse(served: ServedResource, obj: Object, causes: list[Cause]) -> None:
    """ApiError 422 when there are causes."""
    if causes:
        resource, metadata = served.resource, obj["metadata"]
        name = metadata.get("name") or metadata.get("generateName") or ""
        raise invalid(resource.kind, name, causes, resource.group)


def admission_request(
    call: Call,
    operation: Operation,
    obj: Object | None,
    old: Object | None,
    *,
    name: str,
    dry_run: bool,
    options: Object | None = None,
) -> AdmissionRequest:
    return AdmissionRequest(
        operation=operation,
        info=call.info,
        served=call.served,
        user=call.user,
        obj=obj,
        old=old,
        namespace=call.info.namespace,
        name=name,
        dry_run=dry_run,
        options=options or {},
        warnings=call.warnings,
        annotations=call.request.annotations,
    )


async def create_object(
    backend: Backend, call: Call, obj: Object, options: WriteOptions, *, applied: bool = False
) -> Written:
    """Create `obj`. `applied`: it comes from server-side apply, with its managed fields set."""
    served, resource = call.served, call.served.resource
    strategy = backend.strategies.of(served)
    now = rfc3339(backend.clock.now())
    rules.settle_namespace(obj, resource, call.info.namespace)
    default(served, obj)
    rules.name_owners_once(obj, call.warnings)
    if strategy.has_status:
        obj.pop("status", None)
    if not applied:
        obj["metadata"].pop("managedFields", None)
        _track(call, None, obj, options, now)
    name = obj["metadata"].get("name") or ""
    request = admission_request(call, "CREATE", obj, None, name=name, dry_run=options.dry_run)
    await backend.admission.admit(request)
    obj = request.obj or obj
    rules.name_required(obj, resource)
    rules.stamp_new(obj, backend.new_uid(), now)
    generate = not obj["metadata"].get("name")
    if generate:
        _generate_name(backend, call, obj)
    attempts = _NAME_ATTEMPTS if generate else 1
    call.warnings += strategy.prepare_create(obj, call.user) or ()
    problems = partial(problems_of_new, served, strategy, obj)
    refuse(served, obj, await deliberated(problems) if strategy.deliberates else problems())
    if not served.custom:
        call.warnings += warnings_of(resource, obj)
    request.obj = obj
    while True:
        request.name = obj["metadata"]["name"]
        stored = await to_storage(served, obj)
        await backend.admission.validate(request)
        attempts -= 1
        if attempts and _is_taken(backend, call, obj):
            _generate_name(backend, call, obj)  # while admission thought about it
            continue
        record = await _insert(backend, call, strategy, obj, stored, options.dry_run)
        return Written(await shown(served, record), created=True)


def _generate_name(backend: Backend, call: Call, obj: Object) -> None:
    """Settle a free name of the form `generateName` + five characters."""
    metadata = obj["metadata"]
    for _ in range(_NAME_ATTEMPTS):
        metadata["name"] = generated_name(metadata["generateName"], backend.random_suffix())
        if not _is_taken(backend, call, obj):
            return


def _is_taken(backend: Backend, call: Call, obj: Object) -> bool:
    key = key_of(call.served, call.info.namespace, obj["metadata"]["name"])
    return backend.store.latest(call.served.bucket, key) is not None


def _track(
    call: Call,
    old: Object | None,
    new: Object,
    options: WriteOptions,
    now: str,
    subresource: str = "",
) -> None:
    track_update(
        old,
        new,
        manager=options.manager,
        api_version=call.served.resource.api_version,
        schema=call.served.schema,
        now=now,
        subresource=subresource,
    )


async def _insert(
    backend: Backend, call: Call, strategy: Strategy, obj: Object, stored: Object, dry_run: bool
) -> Record:
    served = call.served
    name = obj["metadata"]["name"]
    key = key_of(served, call.info.namespace, name)
    if backend.store.latest(served.bucket, key) is not None:
        await until_settled(backend.store, served.bucket, key)
    if backend.store.latest(served.bucket, key) is not None:
        refused = name_not_generated if obj["metadata"].get("generateName") else already_exists
        raise refused(served.resource.plural, name, served.resource.group)
    reservation = strategy.reserve(obj, None)
    if dry_run:
        reservation.undo()
        made = draft(served, stored, 0)
        return Record(key, 0, made.body, made.labels, made.fields)
    return await commit(
        lambda: backend.store.put(served.bucket, key, 0, lambda r: draft(served, stored, r)),
        reservation,
    )


Change = Callable[[Object], Object]
"""From the live object (which it may take apart) to the wanted one."""


async def update_object(
    backend: Backend,
    call: Call,
    change: Change,
    options: WriteOptions,
    *,
    subresource: str = "",
    retry: bool,
    applied: bool = False,
) -> Written:
    """Bring the live object to what `change` makes of it; ApiError 404 when there is none.

    With `retry`, a write that loses a race starts over on the newer state unless `change` pins
    the resource version it was made from.
    """
    served, resource = call.served, call.served.resource
    try:
        for _ in range(_CONFLICT_ATTEMPTS):
            live = backend.store.latest(served.bucket, call.key)
            if live is None:
                raise not_found(resource.plural, call.info.name, resource.group)
            try:
                return await _update_once(
                    backend, call, change, options, subresource, live, applied=applied
                )
            except RevisionMismatchError:
                if not retry:
                    break
        raise conflict(resource.plural, call.info.name, OBJECT_MODIFIED, resource.group)
    except ApiError as error:
        if error.code in LOST:
            await until_settled(backend.store, served.bucket, call.key)
        raise


async def _update_once(
    backend: Backend,
    call: Call,
    change: Change,
    options: WriteOptions,
    subresource: str,
    live: Record,
    *,
    applied: bool,
) -> Written:
    served, resource = call.served, call.served.resource
    strategy = backend.strategies.of(served)
    now = rfc3339(backend.clock.now())
    seen = await shown(served, live)
    old = decode(served, seen)
    new = change(decode(served, seen))
    rules.check_name(new, resource, call.info.namespace, call.info.name)
    rules.check_precondition(new, old, resource, unconditional=strategy.unconditional_update)
    default(served, new)
    rules.name_owners_once(new, call.warnings)
    strategy.keep_apart(subresource, new, old)
    if not applied:
        asked = new["metadata"].get("managedFields")
        if asked and asked != old["metadata"].get("managedFields") and readable(asked) is not None:
            refuse(served, new, list(managed_fields(asked)))
        if "managedFields" not in new["metadata"] and "managedFields" in old["metadata"]:
            new["metadata"]["managedFields"] = old["metadata"]["managedFields"]
        _track(call, old, new, options, now, subresource)
    request = admission_request(
        call, "UPDATE", new, old, name=call.info.name, dry_run=options.dry_run
    )
    await backend.admission.admit(request)
    new = request.obj or new
    rules.keep_identity(new, old)
    rules.forbid_new_finalizers(new, old, resource)
    strategy.prepare(subresource, new, old)
    new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
    if _same(new, old) and not (served.conversion and served.conversion.outdated(live)):
        await until_committed(backend.store, served.bucket, live)
        return Written(seen)
    problems = partial(problems_of_update, served, strategy, new, old, subresource)
    refuse(served, new, await deliberated(problems) if strategy.deliberates else problems())
    if not served.custom and not subresource:
        call.warnings += warnings_of(resource, new, old)
    request.obj = new
    await backend.admission.validate(request)
    record = await replace(backend, call, strategy, new, old, live, options.dry_run)
    return Written(await shown(served, record))


def _same(new: Object, old: Object) -> bool:
    """Whether a write would change nothing but when who last wrote."""
    if new == old:
        return True
    metadata, before = new["metadata"], old["metadata"]
    if any(new.get(k) != old.get(k) for k in {*new, *old} - {"metadata"}):
        return False
    if any(metadata.get(k) != before.get(k) for k in {*metadata, *before} - {"managedFields"}):
        return False
    owned = rules.without_times
    return bool(owned(metadata.get("managedFields")) == owned(before.get("managedFields")))


async def replace(
    backend: Backend,
    call: Call,
    strategy: Strategy,
    new: Object,
    old: Object,
    live: Record,
    dry_run: bool,
) -> Record:
    """Write `new` over `live`, or remove it when it is being deleted and nothing holds it back
    any more. RevisionMismatchError when `live` is no longer the newest."""
    served = call.served
    store = backend.store
    stored = await to_storage(served, new)
    reservation = strategy.reserve(new, old)
    if dry_run:
        reservation.undo()
        made = draft(served, stored, live.revision)
        return Record(live.key, live.revision, made.body, made.labels, made.fields)
    metadata = new["metadata"]
    ends = (
        bool(metadata.get("deletionTimestamp"))
        and not metadata.get("deletionGracePeriodSeconds")
        and not metadata.get("finalizers")
        and not strategy.holds_back(new)
    )
    if ends:
        reservation.undo()
        reservation = strategy.release(old)
    write = store.delete if ends else store.put
    return await commit(
        lambda: write(served.bucket, live.key, live.revision, lambda r: draft(served, stored, r)),
        reservation,
    )
