"""`/healthz`, `/livez` and `/readyz`
(https://kubernetes.io/docs/reference/using-api/health-checks/)."""

from __future__ import annotations

from grappe.apiserver.http.messages import Request, Response
from grappe.apiserver.registry.routing import parse_query

_ENDPOINTS = ("healthz", "livez", "readyz")
_CHECKS = ("ping", "store")


def health(request: Request) -> Response | None:
    """The answer of a health endpoint; None: the path is none. The server listens only once it
    is ready, and a store that fails ends the process, so that an answer at all means `ok`."""
    endpoint, _, check = request.path.strip("/").partition("/")
    if endpoint not in _ENDPOINTS or (check and check not in _CHECKS):
        return None
    text = "ok"
    if not check and "verbose" in parse_query(request.query):
        text = "".join(f"[+]{name} ok\n" for name in _CHECKS) + f"{endpoint} check passed\n"
    return Response(200, text.encode(), "text/plain; charset=utf-8")
