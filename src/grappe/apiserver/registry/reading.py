"""get and list: answered at once, from committed records."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from grappe.api import Object
from grappe.api.errors import not_found
from grappe.api.resources import NAMESPACES
from grappe.apiserver.http.messages import Response
from grappe.apiserver.registry.answers import answer_bytes
from grappe.apiserver.registry.backend import Backend, Call
from grappe.apiserver.registry.filtering import Filter, parse_filter
from grappe.apiserver.registry.negotiation import Form
from grappe.apiserver.registry.paging import Page, expired, page_of, token
from grappe.apiserver.registry.parameters import (
    ListOptions,
    list_options,
    revision,
    too_large_revision,
)
from grappe.apiserver.registry.representation import Representation, many, represent
from grappe.apiserver.registry.versions import all_shown
from grappe.store.interface import CompactedError, FutureRevisionError, Record, Store

_AT_ONCE = 32
"""Records that are parsed within one turn of the loop; longer lists take turns."""
_PIECE = 8
_TURN = 0.001


def get(backend: Backend, call: Call) -> Response | Awaitable[Response]:
    """One object; ApiError 404 when there is none. Waits only where a webhook must convert."""
    form = call.form
    served, info = call.served, call.info
    asked = revision(info.query.get("resourceVersion", ""))
    if asked is not None and asked > backend.store.revision:
        raise too_large_revision(asked, backend.store.revision)
    record = backend.store.get(served.bucket, call.key)
    if record is None:
        raise not_found(served.resource.plural, info.name, served.resource.group)
    shown = represent(served, form, backend.clock, info.query.get("includeObject", ""))
    if served.conversion is not None:
        return _converted(call, [record], form, lambda records: shown.one(records[0]))
    return answer_bytes(200, shown.one(record), form, call.warnings)


async def _converted(
    call: Call,
    records: Sequence[Record],
    form: Form,
    body: Callable[[Sequence[Record]], bytes | Sequence[bytes]],
) -> Response:
    """The answer with what `body` makes of the records once a webhook has converted them."""
    found = await all_shown(call.served, records)
    return answer_bytes(200, body(found), form, call.warnings)


def list_objects(backend: Backend, call: Call) -> Response | Awaitable[Response]:
    """Many objects of one resource, or a page of them. Waits only where a webhook must convert or
    a long list is parsed."""
    form = call.form
    query = call.info.query
    found = find(backend, call, list_options(query, watch=False))
    metadata = found.metadata
    shown = represent(call.served, form, backend.clock, query.get("includeObject", ""))
    if call.served.conversion is not None and found.wanted.fields is not None:
        # Selected by what the objects are in this version: all of them are converted first.
        return _converted(
            call,
            found.candidates,
            form,
            lambda converted: many(shown, found.records(converted), metadata),
        )
    records = found.records(found.candidates)
    if call.served.conversion is not None:
        return _converted(call, records, form, lambda converted: many(shown, converted, metadata))
    if shown.parses and len(records) > _AT_ONCE:
        return _in_turns(shown, records, metadata, form, call.warnings)
    return answer_bytes(200, many(shown, records, metadata), form, call.warnings)


class Found(NamedTuple):
    """What a list is made of: records that may be in it, and the list's metadata. Its first page
    `began`, in seconds since the epoch."""

    wanted: Filter
    limit: int
    state: int
    began: float
    candidates: Sequence[Record]
    metadata: Object

    def records(self, candidates: Sequence[Record]) -> Sequence[Record]:
        """Those of `candidates`, in the version that is served, which the list shows; whether
        there are more is told in its metadata."""
        if self.wanted.everything:
            return candidates
        return _limited(candidates, self.wanted, self.limit, self.state, self.began, self.metadata)


def find(backend: Backend, call: Call, options: ListOptions) -> Found:
    """Look up what a list with these options is made of; ApiError 400, 410 or 504."""
    wanted = parse_filter(call.served, call.info.namespace, options)
    page = page_of(backend.store.revision, options, backend.clock)
    state = backend.store.revision if page.revision is None else page.revision
    metadata: Object = {"resourceVersion": str(state)}
    try:
        if wanted.everything and options.limit:
            found = _page(backend.store, wanted, page, options.limit, state, metadata)
        else:
            found = _candidates(backend.store, wanted, page)
    except CompactedError:
        raise expired(options, page) from None
    except FutureRevisionError:
        raise too_large_revision(state, backend.store.revision) from None
    return Found(wanted, options.limit, state, page.began, found, metadata)


async def _in_turns(
    shown: Representation,
    records: Sequence[Record],
    metadata: Object,
    form: Form,
    warnings: Sequence[str],
) -> Response:
    """A long list whose records are parsed, piece by piece, so that nobody waits for long."""
    loop = asyncio.get_running_loop()
    records = shown.arranged(records)
    pieces, began = [], loop.time()
    for start in range(0, len(records), _PIECE):
        pieces.append(shown.piece(records[start : start + _PIECE]))
        if loop.time() - began > _TURN:
            await asyncio.sleep(0)
            began = loop.time()
    return answer_bytes(200, shown.whole(pieces, metadata), form, warnings)


def _candidates(store: Store, wanted: Filter, page: Page) -> Sequence[Record]:
    """Every record of the page and after it that may be selected: by an index where a field
    selector names one value in the newest state, else all."""
    bucket = wanted.served.bucket
    if page.revision is None and wanted.fields is not None:
        for field, operator, value in wanted.fields.requirements:
            if operator != "=" or not value:
                continue
            if field == "metadata.name":
                if bool(wanted.prefix) == wanted.served.resource.namespaced:
                    record = store.get(bucket, wanted.prefix + value)
                    return [record] if record is not None and record.key > page.start else []
                if store.count(bucket) > store.count(NAMESPACES.bucket):
                    return _everywhere(store, bucket, value, page.start)
            if not field.startswith("metadata.") and wanted.by_stored_fields:
                return [
                    record
                    for record in store.by_field(bucket, field, value)
                    if record.key.startswith(wanted.prefix) and record.key > page.start
                ]
    return store.list(bucket, wanted.prefix, after=page.start, at=page.revision)


def _everywhere(store: Store, bucket: str, name: str, after: str) -> list[Record]:
    """The records of that name in all namespaces, each asked for: a tenth of a microsecond for
    each namespace, where looking at every object costs as much for each of them."""
    found = []
    for namespace in store.list(NAMESPACES.bucket):
        record = store.get(bucket, f"{namespace.key}/{name}")
        if record is not None and record.key > after:
            found.append(record)
    return sorted(found, key=attrgetter("key"))


def _page(
    store: Store, wanted: Filter, page: Page, limit: int, state: int, metadata: Object
) -> Sequence[Record]:
    """The first `limit` records of the page, all of which are wanted; how many are left is told
    in the list's metadata."""
    found, left = store.page(
        wanted.served.bucket, limit, wanted.prefix, after=page.start, at=page.revision
    )
    if left:
        metadata["continue"] = token(state, found[-1].key, page.began)
        metadata["remainingItemCount"] = left
    return found


def _limited(
    found: Sequence[Record],
    wanted: Filter,
    limit: int,
    state: int,
    began: float,
    metadata: Object,
) -> Sequence[Record]:
    """The records that pass the selectors, up to `limit`; whether there are more is told in the
    list's metadata."""
    if not limit:
        return wanted.select(found)
    records = list(islice(filter(wanted.matches, found), limit + 1))
    if len(records) > limit:
        records.pop()
        metadata["continue"] = token(state, records[-1].key, began)
    return records
