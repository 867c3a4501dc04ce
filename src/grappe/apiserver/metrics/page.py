"""`/metrics` and `/metrics/slis`, in Prometheus' text format."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from itertools import islice

from grappe.api.errors import method_not_allowed
from grappe.apiserver.http.messages import Request, Response
from grappe.base.metrics import PROCESS, Registry

_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_SLICE = 500
"""Lines written in one turn of the loop, about half a millisecond: a server that has served every
kind tells twenty thousand."""


class Page:
    """`registry` is the server's own; what the whole process counts is told as well. `slis` are
    the results of health checks (KEP-3466)."""

    def __init__(self, registry: Registry, slis: Registry) -> None:
        self._pages = {"/metrics": (registry, PROCESS), "/metrics/slis": (slis,)}

    def __call__(self, request: Request) -> Awaitable[Response] | None:
        registries = self._pages.get(request.path.rstrip("/"))
        if registries is None:
            return None
        if request.method not in ("GET", "HEAD"):
            raise method_not_allowed("", "")
        return _rendered(registries)


async def _rendered(registries: Iterable[Registry]) -> Response:
    """Piece by piece, so that nobody waits for a scrape. A series that comes to be meanwhile may
    be left out, none is told twice."""
    pieces = []
    for registry in registries:
        lines = registry.lines()
        while piece := "".join(islice(lines, _SLICE)):
            pieces.append(piece.encode())
            await asyncio.sleep(0)
    return Response(200, b"".join(pieces), _TEXT)
