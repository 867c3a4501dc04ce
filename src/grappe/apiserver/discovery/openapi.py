"""`/openapi/v2` and `/openapi/v3`.

The documents of v3 are made when asked for, and not kept. Clients keep them: a document's address
holds a hash of what is served, so kubectl asks again only when that has changed
(https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-v3).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from urllib.parse import parse_qs

from grappe.api.openapi import CustomKind, v3_document, v3_hashes, v3_index
from grappe.api.resources import BUILTIN
from grappe.apiserver.discovery.openapi_v2 import OpenApiV2
from grappe.apiserver.discovery.remote import Remote
from grappe.apiserver.http.messages import Request, Response
from grappe.apiserver.registry.interface import ServedResource

_JSON = "application/json"
_FOREVER = ("Cache-Control", "public, immutable, max-age=31536000")
_ASK_AGAIN = ("Cache-Control", "no-cache, private")


class OpenApi:
    """`custom` gives the custom resources served now, `remote` the group versions that other
    servers answer; `generation` changes whenever either does."""

    def __init__(
        self,
        custom: Callable[[], Iterable[ServedResource]],
        generation: Callable[[], int],
        remote: Callable[[], Remote] = tuple,
    ) -> None:
        self._custom = custom
        self._remote = remote
        self._generation = generation
        self._hashes: dict[str, str] = {}
        self._hashed = -1
        self._v2 = OpenApiV2(self._sorted_kinds, generation, remote)

    def page(self, request: Request) -> Response | Awaitable[Response] | None:
        """The answer for a path under `/openapi`; None when there is no such document."""
        path = request.path.rstrip("/")
        if path == "/openapi/v2":
            return self._v2.page(request)
        if path == "/openapi/v3":
            theirs = {r.name: r.openapi_v3 for r in self._remote()}
            told = {name: digest for name, digest in (self._current() | theirs).items() if digest}
            return Response(200, v3_index(told), _JSON, [_ASK_AGAIN])
        if path.startswith("/openapi/v3/"):
            return self._v3(path.removeprefix("/openapi/v3/"), request)
        return None

    def _kinds(self) -> Iterator[CustomKind]:
        """One by one: a schema is needed only while its part of a document is made."""
        for served in self._custom():
            openapi = getattr(served.schema, "openapi", None)
            if openapi is not None:
                yield CustomKind(served.resource, openapi)

    def _sorted_kinds(self) -> list[CustomKind]:
        """In an order that a restart does not change."""
        return sorted(self._kinds(), key=lambda kind: (kind.resource.bucket, kind.resource.version))

    def _current(self) -> dict[str, str]:
        generation = self._generation()
        if generation != self._hashed:
            self._hashes = v3_hashes(BUILTIN, self._kinds())
            self._hashed = generation
        return self._hashes

    def _v3(self, name: str, request: Request) -> Response | None:
        digest = self._current().get(name)
        if digest is None:
            return None
        asked = parse_qs(request.query).get("hash", [""])[0]
        if asked and asked != digest:
            target = f"/openapi/v3/{name}?hash={digest}"
            return Response(301, b"", _JSON, [("Location", target), _ASK_AGAIN])
        headers = [("ETag", f'"{digest}"'), _FOREVER if asked else _ASK_AGAIN]
        if request.headers.get("if-none-match") == f'"{digest}"':
            return Response(304, b"", _JSON, headers)
        group, _, version = name.removeprefix("apis/").removeprefix("api/").rpartition("/")
        body = v3_document(group, version, BUILTIN, self._kinds())
        return Response(200, body, _JSON, headers)
