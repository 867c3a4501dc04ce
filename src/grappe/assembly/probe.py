"""Quick looks at a running cluster over HTTPS with the administrator's certificate.

For the command line's waiting loops: plain `http.client`, no client library to load.
"""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any

from grappe.base.config import ClusterConfig


def _get(config: ClusterConfig, path: str) -> tuple[int, bytes]:
    """Status and body; (0, b"") when nothing answers."""
    try:
        context = ssl.create_default_context(cafile=str(config.pki_dir / "ca.crt"))
        context.load_cert_chain(config.pki_dir / "admin.crt", config.pki_dir / "admin.key")
        connection = http.client.HTTPSConnection(
            "127.0.0.1", config.port, context=context, timeout=5
        )
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return 0, b""


def get(config: ClusterConfig, path: str) -> Any:
    """The decoded JSON at an API path, or None when it cannot be had."""
    status, body = _get(config, path)
    return json.loads(body) if status == 200 else None


def api_ready(config: ClusterConfig) -> bool:
    """Whether the server answers and has made what every cluster has."""
    return _get(config, "/readyz")[0] == 200


def ready_nodes(config: ClusterConfig) -> dict[str, bool]:
    """Every node's name, and whether its Ready condition is True."""
    answer = get(config, "/api/v1/nodes") or {"items": []}
    return {
        node["metadata"]["name"]: any(
            c["type"] == "Ready" and c["status"] == "True"
            for c in node.get("status", {}).get("conditions", [])
        )
        for node in answer["items"]
    }
