"""The copies of the cluster that services, DNS and published ports share: one watch of each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from grappe.api import Object
from grappe.api.resources import ENDPOINT_SLICES, PODS, SERVICES
from grappe.client.informer import Informer
from grappe.client.interface import Client
from grappe.network.services.endpoints import service_of
from grappe.network.services.render import host_ports


class Informers:
    """Services; EndpointSlices, indexed by `service` (`namespace/name`); this node's pods that
    have host ports. Also the `Directory` of cluster DNS."""

    def __init__(self, client: Client, node_name: str) -> None:
        self.services = Informer(
            client,
            SERVICES,
            indexes={"namespace": _namespace, "clusterIP": _cluster_ips},
            transform=_slim,
        )
        self.slices = Informer(
            client,
            ENDPOINT_SLICES,
            indexes={"service": _service_key, "address": _addresses},
            transform=_slim,
        )
        self.host_port_pods = Informer(
            client, PODS, field_selector=f"spec.nodeName={node_name}", transform=_with_host_ports
        )

    async def run(self) -> None:
        """Keep all of them true until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for informer in (self.services, self.slices, self.host_port_pods):
                tasks.create_task(informer.run(), name=f"informer {informer.resource.plural}")

    # -- Directory of network.dns.zone -------------------------------------------------------
    def service(self, namespace: str, name: str) -> Object | None:
        return self.services.get(namespace, name)

    def services_in(self, namespace: str) -> Sequence[Object]:
        return self.services.by_index("namespace", namespace)

    def services_at(self, cluster_ip: str) -> Sequence[Object]:
        return self.services.by_index("clusterIP", cluster_ip)

    def slices_of(self, namespace: str, name: str) -> Sequence[Object]:
        return self.slices.by_index("service", f"{namespace}/{name}")

    def slices_at(self, address: str) -> Sequence[Object]:
        return self.slices.by_index("address", address)


def _namespace(obj: Object) -> Iterable[str]:
    return [obj["metadata"]["namespace"]]


def _cluster_ips(service: Object) -> Iterable[str]:
    ip = service["spec"].get("clusterIP")
    return [ip] if ip and ip != "None" else []


def _addresses(slice_: Object) -> Iterable[str]:
    return [ip for entry in slice_.get("endpoints") or () for ip in entry["addresses"]]


def _service_key(slice_: Object) -> Iterable[str]:
    owner = service_of(slice_)
    return [f"{owner[0]}/{owner[1]}"] if owner else []


def _slim(obj: Object) -> Object:
    meta = obj["metadata"]
    meta.pop("managedFields", None)
    meta.pop("annotations", None)
    return obj


def _with_host_ports(pod: Object) -> Object | None:
    if not host_ports(pod):
        return None
    meta, spec, status = pod["metadata"], pod["spec"], pod["status"]
    kept_meta = ("namespace", "name", "uid", "resourceVersion")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {name: meta[name] for name in kept_meta if name in meta},
        "spec": {
            group: [{"ports": c["ports"]} for c in spec.get(group) or () if c.get("ports")]
            for group in ("containers", "initContainers")
        },
        "status": {name: status[name] for name in ("podIP", "phase") if name in status},
    }
