"""`/openapi/v2`: one document, made when first asked for and kept until what is served changes.

It is made in a thread, so that nobody else waits for it, and kept compressed, as nearly every
client asks for it. Its ETag is that of the content, in either form: a client that has it hears
304 Not Modified, also after a restart.
"""

from __future__ import annotations

import asyncio
import zlib
from asyncio import Task
from collections.abc import Callable, Coroutine
from hashlib import sha512
from typing import Any, NamedTuple

import orjson

from grappe.api.errors import method_not_allowed, not_acceptable
from grappe.api.openapi import CustomKind, v2_document, v2_protobuf
from grappe.api.resources import BUILTIN
from grappe.apiserver.discovery.remote import Remote, with_remote_definitions
from grappe.apiserver.http.accept import accepted
from grappe.apiserver.http.compression import accepts_gzip, gzipped
from grappe.apiserver.http.messages import Request, Response

_JSON = "application/json"
_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_FORMS = {
    _JSON: _JSON,
    "*/*": _JSON,
    "application/*": _JSON,
    _PROTOBUF: _PROTOBUF,
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf": _PROTOBUF,
}
"""What a client may ask for → what it gets. The last is no media type, and asked for by kubectl."""
_GZIP = 31
"""zlib's window bits for the gzip format."""


class _Form(NamedTuple):
    """One form of the document, compressed, and the document's tag."""

    body: bytes
    tag: str


class OpenApiV2:
    """`custom` gives the custom kinds served now, and `generation` changes whenever they do or
    what `remote` tells does."""

    def __init__(
        self,
        custom: Callable[[], list[CustomKind]],
        generation: Callable[[], int],
        remote: Callable[[], Remote],
    ) -> None:
        self._custom = custom
        self._generation = generation
        self._remote = remote
        self._made_of = -1
        self._making: dict[str, Task[_Form]] = {}

    async def page(self, request: Request) -> Response:
        """ApiError 406 for a form there is not, 405 for another method than GET and HEAD."""
        if request.method not in ("GET", "HEAD"):
            raise method_not_allowed("", "")
        media = _wanted(request.headers.get("accept", ""))
        body, tag = await self._form(media)
        headers = [("ETag", tag), ("Vary", "Accept, Accept-Encoding"), _ASK_AGAIN]
        if _knows(request.headers.get("if-none-match", ""), tag):
            return Response(304, b"", media, headers)
        if accepts_gzip(request):
            return Response(200, body, media, [*headers, ("Content-Encoding", "gzip")])
        return Response(200, await asyncio.to_thread(zlib.decompress, body, _GZIP), media, headers)

    async def _form(self, media: str) -> _Form:
        generation = self._generation()
        if generation != self._made_of:
            self._making.clear()
            self._made_of = generation
        making = self._making.get(media)
        if making is None:
            making = self._making[media] = asyncio.create_task(self._make(media))
        try:
            # Who goes away must not take it from the others who wait.
            return await asyncio.shield(making)
        except Exception:
            if self._making.get(media) is making:
                del self._making[media]
            raise

    def _make(self, media: str) -> Coroutine[Any, Any, _Form]:
        return asyncio.to_thread(_made, media, self._custom(), list(self._remote()))


_ASK_AGAIN = ("Cache-Control", "no-cache, private")


def _made(media: str, custom: list[CustomKind], remote: Remote) -> _Form:
    text = v2_document(BUILTIN, custom)
    if remote:
        text = orjson.dumps(with_remote_definitions(orjson.loads(text), remote))
    body = text if media == _JSON else v2_protobuf(orjson.loads(text))
    return _Form(gzipped(body), f'"{sha512(text).hexdigest().upper()}"')


def _wanted(header: str) -> str:
    for entry in accepted(header or _JSON):
        if (media := _FORMS.get(entry.media_type)) is not None:
            return media
    raise not_acceptable(
        "only the following media types are accepted: " + ", ".join((_JSON, _PROTOBUF))
    )


def _knows(condition: str, tag: str) -> bool:
    """Whether `If-None-Match` names the tag, weakly compared (RFC 9110, section 13.1.2)."""
    known = (entry.strip().removeprefix("W/") for entry in condition.split(","))
    return any(entry in (tag, "*") for entry in known)
