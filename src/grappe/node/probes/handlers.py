"""One attempt of a probe or a lifecycle hook: exec, HTTP, TCP or gRPC.

Messages are the kubelet's, as `kubectl describe` shows them in Unhealthy events.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from typing import NamedTuple

from grappe.api import Object
from grappe.node.runtime.interface import Runtime

_BODY_LIMIT = 10 * 1024
_OUTPUT_LIMIT = 10 * 1024
_HEALTH = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_SERVING = 1


class Result(NamedTuple):
    """`message` says why it failed, or what a command wrote."""

    ok: bool
    message: str


class PortError(ValueError):
    """A named port that the container does not have."""


def port_number(port: int | str, container: Object) -> int:
    """A port given by number or by the name it has in the container."""
    if isinstance(port, int) or str(port).isdigit():
        return int(port)
    for entry in container.get("ports") or ():
        if entry.get("name") == port:
            return int(entry["containerPort"])
    raise PortError(f"couldn't find port: {port}")


async def attempt(
    runtime: Runtime, container_id: str, container: Object, handler: Object, ip: str, timeout: float
) -> Result:
    """Try a probe's handler once, in at most `timeout` seconds. RuntimeFault when the runtime
    could not even try."""
    try:
        if "exec" in handler:
            command = handler["exec"].get("command") or []
            return await _exec(runtime, container_id, command, timeout)
        if "httpGet" in handler:
            return await http_get(handler["httpGet"], container, ip, timeout)
        if "tcpSocket" in handler:
            where = handler["tcpSocket"]
            port = port_number(where["port"], container)
            return await _tcp(where.get("host") or ip, port, timeout)
        if "grpc" in handler:
            return await _grpc(handler["grpc"], ip, timeout)
    except PortError as error:
        return Result(False, str(error))
    return Result(False, "missing probe handler")


async def _exec(runtime: Runtime, container_id: str, command: list[str], timeout: float) -> Result:
    try:
        result = await runtime.exec_sync(container_id, command, timeout)
    except TimeoutError:
        told = " ".join(command)
        return Result(False, f'command timed out: "{told}" timed out after {timeout:g}s')
    text = (result.stdout + result.stderr)[:_OUTPUT_LIMIT].decode("utf-8", "replace")
    return Result(result.exit_code == 0, text)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reason(error: OSError) -> str:
    """An errno as Go words it."""
    # asyncio words its own text into strerror; the number is the kernel's.
    return f"connect: {os.strerror(error.errno).lower() if error.errno else error}"


async def _connect(
    host: str, port: int, tls: ssl.SSLContext | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(host, port, ssl=tls, limit=_BODY_LIMIT * 4)


async def _tcp(host: str, port: int, timeout: float) -> Result:
    try:
        async with asyncio.timeout(timeout):
            _, writer = await _connect(host, port)
    except TimeoutError:
        return Result(False, f"dial tcp {_address(host, port)}: i/o timeout")
    except OSError as error:
        return Result(False, f"dial tcp {_address(host, port)}: {_reason(error)}")
    writer.close()
    return Result(True, "")


async def http_get(action: Object, container: Object, ip: str, timeout: float) -> Result:
    """GET; a status from 200 to 399 is success. Certificates are not verified."""
    host = action.get("host") or ip
    port = port_number(action["port"], container)
    scheme = str(action.get("scheme", "HTTP")).lower()
    path = action.get("path") or "/"
    path = path if path.startswith("/") else "/" + path
    url = f"{scheme}://{_address(host, port)}{path}"
    tls = None
    if scheme == "https":
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    headers = {"host": _address(host, port), "user-agent": "kube-probe/1.36", "accept": "*/*"}
    for header in action.get("httpHeaders") or ():
        headers[header["name"].lower()] = header["value"]
    text = f"GET {path} HTTP/1.1\r\n"
    text += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await _connect(host, port, tls)
            try:
                writer.write((text + "connection: close\r\n\r\n").encode("latin-1", "replace"))
                line = await reader.readline()
            finally:
                writer.close()
    except TimeoutError:
        return Result(
            False,
            f'Get "{url}": context deadline exceeded '
            "(Client.Timeout exceeded while awaiting headers)",
        )
    except ssl.SSLError as error:
        return Result(False, f'Get "{url}": {error.reason or error}')
    except ConnectionResetError:
        return Result(False, f'Get "{url}": read: connection reset by peer')
    except OSError as error:
        return Result(False, f'Get "{url}": dial tcp {_address(host, port)}: {_reason(error)}')
    words = line.split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return Result(False, f'Get "{url}": ' + ("malformed HTTP response" if line else "EOF"))
    status = int(words[1])
    if 200 <= status < 400:
        return Result(True, "")
    return Result(False, f"HTTP probe failed with statuscode: {status}")


async def _grpc(action: Object, ip: str, timeout: float) -> Result:
    """grpc.health.v1.Health/Check; SERVING is success.

    https://github.com/grpc/grpc/blob/master/doc/health-checking.md. The two messages are one field
    each and encoded by hand.
    """
    import grpc
    import grpc.aio

    service = str(action.get("service") or "").encode()
    request = b"\x0a" + bytes([len(service)]) + service if service else b""
    address = _address(ip, int(action["port"]))
    options = [
        ("grpc.enable_http_proxy", 0),
        ("grpc.use_local_subchannel_pool", 1),  # a connection of its own, not one kept from before
        ("grpc.primary_user_agent", "kube-probe/1.36"),
    ]
    channel = grpc.aio.insecure_channel(address, options=options)
    try:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        answer = await check(request, timeout=timeout, wait_for_ready=True)
    except grpc.aio.AioRpcError as error:
        late = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        if late and channel.get_state() is not grpc.ChannelConnectivity.READY:
            why = f'timeout: failed to connect service "{address}" within {timeout:g}s'
            return Result(False, f"{why}: context deadline exceeded")
        return Result(False, _refusal(error.code().name, error.details() or "", timeout))
    finally:
        with contextlib.suppress(Exception):
            await channel.close(None)
    status = answer[1] if answer[:1] == b"\x08" and len(answer) == 2 else 0
    if status == _SERVING:
        return Result(True, "")
    name = _HEALTH[status] if status < len(_HEALTH) else str(status)
    return Result(False, f'service unhealthy (responded with "{name}")')


def _refusal(code: str, details: str, timeout: float) -> str:
    """Why a health check was not answered; `code` as gRPC names it."""
    if code == "UNIMPLEMENTED":
        return (
            "error: this server does not implement the grpc health protocol "
            f"(grpc.health.v1.Health): {details}"
        )
    if code == "DEADLINE_EXCEEDED":
        return f"timeout: health rpc did not complete within {timeout:g}s"
    go_name = "".join(word.capitalize() for word in code.split("_"))
    return f"error: health rpc probe failed: rpc error: code = {go_name} desc = {details}"
