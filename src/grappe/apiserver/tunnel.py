"""Passes a request on to the kubelet server of a node: log, exec, attach, port-forward, proxy.

The node knows the API server by the client certificate kube-apiserver-kubelet-client; whatever
told the API server who its client is stays here.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence

from grappe.api.errors import ApiError, bad_request
from grappe.apiserver.http.messages import Request, Tunnel

_DIAL_SECONDS = 10.0
_KEPT_BACK = frozenset(
    (
        # who the client is
        "authorization",
        "cookie",
        # of this connection only (RFC 9110, 7.6.1), or made anew
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
_KEPT_BACK_PREFIXES = ("impersonate-", "x-remote-", "proxy-")
_TOKEN_PROTOCOL = "base64url.bearer.authorization.k8s.io."


def kubelet_tunnel(
    tls: ssl.SSLContext | None, host: str, port: int, path_and_query: str, request: Request
) -> Tunnel:
    """As `tunnel`, to a kubelet server, which is known by its address."""
    return tunnel(tls, host, port, path_and_query, request)


def tunnel(
    tls: ssl.SSLContext | None,
    host: str,
    port: int,
    path_and_query: str,
    request: Request,
    *,
    authority: str = "",
    server_name: str = "",
    more: Sequence[tuple[str, str]] = (),
) -> Tunnel:
    """A tunnel to `host:port` (over TLS if given) that begins with `request`, sent to
    `path_and_query` with the headers `more`. `authority` and `server_name` are what the other
    side is called, if not by its address.

    An upgrade stays an upgrade; any other answer is passed on whole and ends the connection.
    Raises ApiError 400 for a path that cannot stand in a request line; connecting raises
    ApiError 500 as Kubernetes does (`error dialing backend: …`).
    """
    if any(character <= " " or character == "\x7f" for character in path_and_query):
        raise bad_request("the path contains characters that must be percent-encoded")
    authority = authority or (f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    first = request_head(authority, path_and_query, request, more) + request.body

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
        try:
            async with asyncio.timeout(_DIAL_SECONDS):
                reader, writer = await asyncio.open_connection(
                    host, port, ssl=tls, server_hostname=(server_name or host) if tls else None
                )
        except TimeoutError:
            raise _dialing(f"dial tcp {host}:{port}: i/o timeout") from None
        except ssl.SSLError as error:
            raise _dialing(f"tls: {host}:{port}: {error.reason or error}") from error
        except ConnectionRefusedError:
            raise _dialing(f"dial tcp {host}:{port}: connect: connection refused") from None
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise _dialing(f"dial tcp {host}:{port}: connect: {why}") from error
        return reader, writer, first

    return Tunnel(connect)


def _dialing(why: str) -> ApiError:
    return ApiError(500, "", f"error dialing backend: {why}")


def forwarded_headers(request: Request) -> list[tuple[str, str]]:
    """The client's headers that another server may see: none that says who the client is, or
    belongs to this connection."""
    found = []
    for name, value in request.headers.items():
        if name in _KEPT_BACK or name.startswith(_KEPT_BACK_PREFIXES):
            continue
        if name == "sec-websocket-protocol":
            value = _without_token(value)
            if not value:
                continue
        found.append((name, value))
    return found


def request_head(
    authority: str, path_and_query: str, request: Request, more: Sequence[tuple[str, str]] = ()
) -> bytes:
    """The request line and headers the other side gets."""
    lines = [f"{request.method} {path_and_query} HTTP/1.1", f"Host: {authority}"]
    lines += [f"{name}: {value}" for name, value in (*forwarded_headers(request), *more)]
    upgrade = request.headers.get("upgrade")
    if upgrade and "upgrade" in request.headers.get("connection", "").lower():
        lines += ["Connection: Upgrade", f"Upgrade: {upgrade}"]
    else:
        lines.append("Connection: close")
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(request.body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _without_token(protocols: str) -> str:
    """The offered WebSocket subprotocols less the one that carries a bearer token
    (https://kubernetes.io/docs/reference/access-authn-authz/authentication/)."""
    offered = (p.strip() for p in protocols.split(","))
    return ", ".join(p for p in offered if not p.startswith(_TOKEN_PROTOCOL))
