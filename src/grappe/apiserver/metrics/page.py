"""`/metrics` and `/metrics/slis`, in Prometheus' text format."""

from __future__ import annotations

from grappe.apiserver.http.messages import Request, Response
from grappe.base.metrics import PROCESS, Registry

_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Page:
    """`registry` is the server's own; what the whole process counts is told as well. `slis` are
    the results of health checks (KEP-3466)."""

    def __init__(self, registry: Registry, slis: Registry) -> None:
        self._pages = {"/metrics": (registry, PROCESS), "/metrics/slis": (slis,)}

    def __call__(self, request: Request) -> Response | None:
        registries = self._pages.get(request.path.rstrip("/"))
        if registries is None:
            return None
        text = "".join(line for registry in registries for line in registry.lines())
        return Response(200, text.encode(), _TEXT)
