"""`nodes/proxy`, `pods/proxy` and `services/proxy`: HTTP through the API server.

The name may say how: `[https:]NAME[:PORT]`.
https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/
"""

from __future__ import annotations

import random
import ssl
from typing import NamedTuple
from urllib.parse import quote

from grappe.api import Object
from grappe.api.errors import bad_request, not_found, unavailable
from grappe.api.resources import PODS
from grappe.apiserver.http.messages import Answer
from grappe.apiserver.outbound.services import nobody_serves, ready_endpoints
from grappe.apiserver.registry.backend import Backend, Call, key_of
from grappe.apiserver.registry.codec import decode
from grappe.apiserver.registry.subresources.connecting import connect_admission
from grappe.apiserver.registry.subresources.nodes import kubelet_address
from grappe.apiserver.tunnel import kubelet_tunnel


class _Target(NamedTuple):
    host: str
    port: int
    tls: ssl.SSLContext | None


async def proxy(backend: Backend, call: Call) -> Answer:
    """Any method; the other side's answer is passed on as it is."""
    await connect_admission(backend, call)
    if call.served.bucket == "/nodes":
        host, port = kubelet_address(backend, call.info.name)
        target = _Target(host, port, backend.kubelet_tls())
    elif call.served.bucket == PODS.bucket:
        target = _pod(backend, call)
    else:
        target = _service(backend, call)
    path = "/" + quote(call.info.tail, safe="/:@!$&'()*+,;=~-._")
    query = call.request.query
    return kubelet_tunnel(
        target.tls, target.host, target.port, f"{path}?{query}" if query else path, call.request
    )


def _split(name: str) -> tuple[str, str, str]:
    """Scheme, name and port of `[scheme:]name[:port]`; ApiError 400."""
    parts = name.split(":")
    if len(parts) == 1:
        return "http", name, ""
    if len(parts) == 2:
        return ("http", parts[0], parts[1])
    if len(parts) == 3 and parts[0] in ("http", "https", ""):
        return parts[0] or "http", parts[1], parts[2]
    raise bad_request(f'invalid proxy request "{name}"')


def _tls(scheme: str) -> ssl.SSLContext | None:
    """Pods show certificates of their own making: the connection is private, not verified, as
    with Kubernetes."""
    if scheme != "https":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _live(backend: Backend, call: Call, name: str) -> Object:
    key = key_of(call.served, call.info.namespace, name)
    record = backend.store.get(call.served.bucket, key)
    if record is None:
        raise not_found(call.served.resource.plural, name)
    return decode(call.served, record)


def _pod(backend: Backend, call: Call) -> _Target:
    scheme, name, port = _split(call.info.name)
    pod = _live(backend, call, name)
    address = (pod.get("status") or {}).get("podIP")
    if not address:
        raise unavailable(f"no endpoints available for pod {name}: it has no address yet")
    if not port:
        ports = [p for c in pod["spec"]["containers"] for p in c.get("ports") or ()]
        port = str(ports[0]["containerPort"]) if ports else "80"
    if not port.isdigit():
        raise bad_request(f'invalid port "{port}"')
    return _Target(address, int(port), _tls(scheme))


def _service(backend: Backend, call: Call) -> _Target:
    scheme, name, wanted = _split(call.info.name)
    service = _live(backend, call, name)
    ports = service["spec"].get("ports") or []
    chosen = next(
        (p for p in ports if wanted in (p.get("name") or "", str(p.get("port")))),
        ports[0] if len(ports) == 1 and not wanted else None,
    )
    if chosen is None:
        raise nobody_serves(name)
    port_name = chosen.get("name") or ""
    found = ready_endpoints(backend.store, call.info.namespace, name, port_name)
    if not found:
        raise nobody_serves(name)
    host, port = random.choice(found)
    return _Target(host, port, _tls(scheme))
