"""get and list: answered at once, from committed records."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import orjson

from grappe.api import Object
from grappe.api.errors import ApiError, bad_request, gone, not_found
from grappe.apiserver.http.messages import Response
from grappe.apiserver.registry.answers import answer_bytes
from grappe.apiserver.registry.backend import Backend, Call
from grappe.apiserver.registry.filtering import Filter, parse_filter
from grappe.apiserver.registry.negotiation import Form
from grappe.apiserver.registry.parameters import (
    ListOptions,
    list_options,
    revision,
    too_large_revision,
)
from grappe.apiserver.registry.representation import Representation, many, represent
from grappe.apiserver.registry.versions import all_shown
from grappe.store.interface import CompactedError, FutureRevisionError, Record, Store

_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can "
    "start a new list without the continue parameter, or use the continue token in this response "
    "to retrieve the remainder of the results. Continuing with the provided token results in an "
    "inconsistent list - objects that were created, modified, or deleted between the time the "
    "first chunk was returned and now may show up in the list."
)


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


class _Page(NamedTuple):
    """Where a list continues: after `start`, in the state of `revision` (None: the newest)."""

    revision: int | None
    start: str


def list_objects(backend: Backend, call: Call) -> Response | Awaitable[Response]:
    """Many objects of one resource, or a page of them. Waits only where a webhook must convert or
    a long list is parsed."""
    form = call.form
    query = call.info.query
    options = list_options(query, watch=False)
    wanted = parse_filter(call.served, call.info.namespace, options)
    page = _page(backend, options)
    state = backend.store.revision if page.revision is None else page.revision
    try:
        found = _candidates(backend.store, wanted, page)
    except CompactedError:
        raise _expired(options, page) from None
    except FutureRevisionError:
        raise too_large_revision(state, backend.store.revision) from None
    metadata: Object = {"resourceVersion": str(state)}
    shown = represent(call.served, form, backend.clock, query.get("includeObject", ""))
    if call.served.conversion is not None and wanted.fields is not None:
        # Selected by what the objects are in this version: all of them are converted first.
        return _converted(
            call,
            found,
            form,
            lambda converted: many(
                shown, _limited(converted, wanted, options.limit, state, metadata), metadata
            ),
        )
    records = _limited(found, wanted, options.limit, state, metadata)
    if call.served.conversion is not None:
        return _converted(call, records, form, lambda found: many(shown, found, metadata))
    if shown.parses and len(records) > _AT_ONCE:
        return _in_turns(shown, records, metadata, form, call.warnings)
    return answer_bytes(200, many(shown, records, metadata), form, call.warnings)


async def _in_turns(
    shown: Representation,
    records: Sequence[Record],
    metadata: Object,
    form: Form,
    warnings: Sequence[str],
) -> Response:
    """A long list whose records are parsed, piece by piece, so that nobody waits for long."""
    loop = asyncio.get_running_loop()
    pieces, began = [], loop.time()
    for start in range(0, len(records), _PIECE):
        pieces.append(shown.piece(records[start : start + _PIECE]))
        if loop.time() - began > _TURN:
            await asyncio.sleep(0)
            began = loop.time()
    return answer_bytes(200, shown.whole(pieces, metadata), form, warnings)


def _candidates(store: Store, wanted: Filter, page: _Page) -> Sequence[Record]:
    """Every record of the page and after it that may be selected: by an index where a field
    selector names one value in the newest state, else all."""
    bucket = wanted.served.bucket
    if page.revision is None and wanted.fields is not None:
        for field, operator, value in wanted.fields.requirements:
            if operator != "=" or not value:
                continue
            if (
                field == "metadata.name"
                and bool(wanted.prefix) == wanted.served.resource.namespaced
            ):
                record = store.get(bucket, wanted.prefix + value)
                return [record] if record is not None and record.key > page.start else []
            if not field.startswith("metadata.") and wanted.by_stored_fields:
                return [
                    record
                    for record in store.by_field(bucket, field, value)
                    if record.key.startswith(wanted.prefix) and record.key > page.start
                ]
    return store.list(bucket, wanted.prefix, after=page.start, at=page.revision)


def _limited(
    found: Sequence[Record], wanted: Filter, limit: int, state: int, metadata: Object
) -> Sequence[Record]:
    """The records that pass, up to `limit`; what is left is told in the list's metadata."""
    if wanted.everything:
        if limit and len(found) > limit:
            metadata["continue"] = _token(state, found[limit - 1].key)
            metadata["remainingItemCount"] = len(found) - limit
            return found[:limit]
        return found
    records = wanted.select(found)
    if limit and len(records) > limit:
        metadata["continue"] = _token(state, records[limit - 1].key)
        return records[:limit]
    return records


def _page(backend: Backend, options: ListOptions) -> _Page:
    if options.continue_token:
        return _read_token(options)
    asked = revision(options.resource_version)
    if asked is None or asked == 0:
        return _Page(None, "")
    if asked > backend.store.revision:
        raise too_large_revision(asked, backend.store.revision)
    exact = options.match == "Exact" or (options.limit > 0 and not options.match)
    return _Page(asked if exact else None, "")


def _token(state: int | None, key: str) -> str:
    facts: Object = {"v": "meta.k8s.io/v1", "rv": -1 if state is None else state, "start": key}
    return base64.urlsafe_b64encode(orjson.dumps(facts)).rstrip(b"=").decode()


def _read_token(options: ListOptions) -> _Page:
    if options.resource_version not in ("", "0"):
        raise bad_request("specifying resource version is not allowed when using continue")
    text = options.continue_token
    try:
        facts = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        state, start = facts["rv"], facts["start"]
        if not isinstance(state, int) or not isinstance(start, str) or not start:
            raise ValueError(text)
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise bad_request("continue key is not valid") from None
    return _Page(None if state == -1 else state, start)


def _expired(options: ListOptions, page: _Page) -> ApiError:
    """410, with a token that goes on in the newest state where one makes sense."""
    if not options.continue_token:
        return gone(f"The resourceVersion for the provided list is too old: {page.revision}")
    return ExpiredTokenError(_token(None, page.start))


class ExpiredTokenError(ApiError):
    """410 for a continue token; its Status carries one that goes on all the same."""

    def __init__(self, token: str) -> None:
        super().__init__(410, "Expired", _TOO_OLD)
        self._token = token

    def status(self) -> Object:
        return super().status() | {"metadata": {"continue": self._token}}
