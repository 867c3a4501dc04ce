"""Where the kubelet server of a node listens."""

from __future__ import annotations

from grappe.api.errors import ApiError, not_found
from grappe.apiserver.registry.backend import Backend
from grappe.apiserver.registry.codec import decode

_PREFERRED = ("InternalIP", "ExternalIP", "Hostname", "InternalDNS", "ExternalDNS")
_KUBELET_PORT = 10250


def kubelet_address(backend: Backend, node: str) -> tuple[str, int]:
    """Host and port; ApiError 404 without the node, 500 when it does not say."""
    served = backend.catalog.find("", "v1", "nodes")
    assert served is not None
    record = backend.store.get(served.bucket, node)
    if record is None:
        raise not_found("nodes", node)
    status = decode(served, record).get("status") or {}
    addresses = {a.get("type"): a.get("address") for a in status.get("addresses") or ()}
    host = next((addresses[kind] for kind in _PREFERRED if addresses.get(kind)), "")
    if not host:
        why = f"no preferred addresses found; known addresses: {sorted(addresses)}"
        raise ApiError(500, "InternalError", f"Internal error occurred: {why}")
    endpoint = (status.get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}
    return str(host), int(endpoint.get("Port") or _KUBELET_PORT)
