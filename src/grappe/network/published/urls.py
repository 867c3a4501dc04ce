"""The localhost URL of a Service."""

from __future__ import annotations

from grappe.api import Object
from grappe.network.services.render import has_cluster_ip


def local_url(service: Object) -> str | None:
    """`http://127.0.0.1:30080` for the first TCP node port; None when there is none.

    https where the port says so: by its `appProtocol`, its name, or number 443.
    """
    if not has_cluster_ip(service):
        return None
    for port in service["spec"].get("ports") or ():
        if port.get("nodePort") and port.get("protocol", "TCP") == "TCP":
            scheme = "https" if _is_https(port) else "http"
            return f"{scheme}://127.0.0.1:{port['nodePort']}"
    return None


def _is_https(port: Object) -> bool:
    protocol = port.get("appProtocol")
    if protocol is not None:
        return bool(protocol == "https")
    return port.get("name") == "https" or port.get("port") == 443
