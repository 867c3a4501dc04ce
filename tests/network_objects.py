"""Services and EndpointSlices for tests, with only what a test wants to say."""

from __future__ import annotations

from typing import Any


def service(
    name: str,
    cluster_ip: str,
    *,
    port: int = 80,
    protocol: str = "TCP",
    node_port: int | None = None,
    namespace: str = "default",
    **spec: Any,
) -> dict[str, Any]:
    entry: dict[str, Any] = {"port": port, "protocol": protocol, "targetPort": 8080}
    if node_port:
        entry["nodePort"] = node_port
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": namespace, "name": name, "uid": f"uid-{name}"},
        "spec": {
            "clusterIP": cluster_ip,
            "clusterIPs": [cluster_ip],
            "type": "NodePort" if node_port else "ClusterIP",
            "ports": [entry],
            **spec,
        },
    }


def endpoint_slice(
    name: str,
    addresses: list[str] | dict[str, dict[str, bool]],
    *,
    port: int = 8080,
    protocol: str = "TCP",
    namespace: str = "default",
    node: str = "",
) -> dict[str, Any]:
    """Addresses, or addresses with their conditions."""
    conditions = addresses if isinstance(addresses, dict) else {a: {} for a in addresses}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": namespace,
            "name": f"{name}-abcde",
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "ports": [{"name": "", "port": port, "protocol": protocol}],
        "endpoints": [
            {"addresses": [a], "conditions": {"ready": True, **c}}
            | ({"nodeName": node} if node else {})
            for a, c in conditions.items()
        ],
    }
