"""What every cluster has: namespaces, priority classes, services, their range (RBAC: auth/rbac)."""

from __future__ import annotations

from collections.abc import Iterable

from grappe.api import Object
from grappe.base.config import ClusterConfig

SYSTEM_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


def namespaces() -> Iterable[Object]:
    for name in SYSTEM_NAMESPACES:
        yield {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}}


def priority_classes() -> Iterable[Object]:
    """https://kubernetes.io/docs/tasks/administer-cluster/guaranteed-scheduling-critical-addon-pods/"""
    for name, value, purpose in (
        (
            "system-cluster-critical",
            2_000_000_000,
            "For pods the cluster cannot do without, wherever they run.",
        ),
        (
            "system-node-critical",
            2_000_001_000,
            "For pods their node cannot do without; they never move.",
        ),
    ):
        yield {
            "kind": "PriorityClass",
            "apiVersion": "scheduling.k8s.io/v1",
            "metadata": {"name": name},
            "value": value,
            "description": purpose,
        }


def service_range(config: ClusterConfig) -> Object:
    """The ServiceCIDR that cluster IPs are taken from."""
    return {
        "kind": "ServiceCIDR",
        "apiVersion": "networking.k8s.io/v1",
        "metadata": {"name": "kubernetes"},
        "spec": {"cidrs": [config.service_cidr]},
    }


def services(config: ClusterConfig) -> Iterable[Object]:
    """`kubernetes`, with the endpoint pods reach the API at, and `kube-dns`.

    Neither has a selector: the API server is no pod, and the node answers DNS itself.
    """
    address = "127.0.0.1" if config.simulate else config.host_ip
    home = {"name": "kubernetes", "namespace": "default"}
    yield {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": {**home, "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {
            "type": "ClusterIP",
            "clusterIP": config.api_service_ip,
            "ports": [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": config.port}],
        },
    }
    yield {
        "kind": "Endpoints",
        "apiVersion": "v1",
        "metadata": {**home, "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
        "subsets": [
            {
                "addresses": [{"ip": address}],
                "ports": [{"name": "https", "port": config.port, "protocol": "TCP"}],
            }
        ],
    }
    yield {
        "kind": "EndpointSlice",
        "apiVersion": "discovery.k8s.io/v1",
        "metadata": {**home, "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": config.port, "protocol": "TCP"}],
    }
    yield {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": {
            "name": "kube-dns",
            "namespace": "kube-system",
            "labels": {
                "k8s-app": "kube-dns",
                "kubernetes.io/cluster-service": "true",
                "kubernetes.io/name": "CoreDNS",
            },
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": config.dns_ip,
            "ports": [
                {"name": "dns", "protocol": "UDP", "port": 53, "targetPort": 53},
                {"name": "dns-tcp", "protocol": "TCP", "port": 53, "targetPort": 53},
            ],
        },
    }
