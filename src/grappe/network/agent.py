"""Everything that follows the cluster on a node's network, as one task on shared informers."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from grappe.base.config import CLUSTER_DOMAIN, ClusterConfig
from grappe.client.interface import Client
from grappe.network import egress, upkeep
from grappe.network.dns import server as dns_server
from grappe.network.dns.resolvconf import HOST_FILE, Resolvers
from grappe.network.dns.server import Responder
from grappe.network.dns.upstream import Upstream
from grappe.network.dns.zone import Zone
from grappe.network.informers import Informers
from grappe.network.loadbalancer.controller import LoadBalancers
from grappe.network.nft import Nft
from grappe.network.policies.enforcer import PolicyEnforcer
from grappe.network.published.ports import PublishedPorts
from grappe.network.published.wanted import Port
from grappe.network.services.proxy import ServiceProxy
from grappe.network.services.render import NodeFacts
from grappe.reconcile.events import Recorder

log = logging.getLogger(__name__)

KUBELET = Port("TCP", 10250)
"""https://kubernetes.io/docs/reference/networking/ports-and-protocols/"""


async def run(
    client: Client,
    config: ClusterConfig,
    host_netns_fd: int,
    *,
    resolv_conf: Path = HOST_FILE,
) -> None:
    """Services, policies, cluster DNS, published ports and the way out, until cancelled.

    The calling thread is in the node's namespace (`namespace.ensure` made it); `host_netns_fd` is
    the host's. UserError when nftables is missing, OSError when DNS cannot be bound.
    """
    informers = Informers(client, config.node_name)
    nft = Nft()
    proxy = ServiceProxy(
        informers.services,
        informers.slices,
        informers.host_port_pods,
        node=NodeFacts(config.node_name, config.node_ip, frozenset({config.dns_ip})),
        service_cidr=config.service_cidr,
        nft=nft,
    )
    policies = PolicyEnforcer(client, machine=(config.node_ip, config.host_ip), nft=nft)
    recorder = Recorder(client, "grappe-network", config.node_name)
    published = PublishedPorts(
        informers.services,
        informers.host_port_pods,
        host_netns_fd=host_netns_fd,
        node_ip=config.node_ip,
        recorder=recorder,
    )
    balancers = LoadBalancers(
        client,
        informers.services,
        informers.host_port_pods,
        address=config.node_ip,
        reserved={KUBELET: "the kubelet"},
        recorder=recorder,
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(informers.run(), name="network informers")
            tasks.create_task(proxy.run(), name="services")
            tasks.create_task(upkeep.run(config, host_netns_fd), name="upkeep")
            tasks.create_task(egress.run(config, host_netns_fd), name="egress")
            tasks.create_task(policies.run(), name="network policies")
            tasks.create_task(balancers.run(), name="load balancers")
            tasks.create_task(published.run(), name="published ports")
            tasks.create_task(_serve_dns(informers, config, host_netns_fd, resolv_conf), name="dns")
    finally:
        nft.close()


async def _serve_dns(
    informers: Informers, config: ClusterConfig, host_netns_fd: int, resolv_conf: Path
) -> None:
    zone = Zone(
        informers,
        domain=CLUSTER_DOMAIN,
        dns_ip=config.dns_ip,
        networks=[config.service_cidr, config.pod_cidr],
    )
    resolvers = Resolvers(resolv_conf, without={config.dns_ip})
    followed = (informers.services, informers.slices)
    responder = Responder(
        zone,
        Upstream(host_netns_fd, resolvers.current),
        now=asyncio.get_running_loop().time,
        known=lambda: all(informer.synced.is_set() for informer in followed),
    )
    for informer in followed:
        informer.add_handler(lambda *_: responder.forget())
    # What runs in the node's namespace, containerd above all, reads the host's resolv.conf: where
    # that names a stub on loopback, as systemd-resolved does, we are it here.
    stubs = [address for address in resolvers.current() if address.startswith("127.")]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(dns_server.serve(responder, config.dns_ip), name="cluster dns")
        for address in stubs:
            tasks.create_task(_serve_stub(responder, address), name=f"dns stub {address}")


async def _serve_stub(responder: Responder, address: str) -> None:
    """A pod on the node's own network may have the port already; then it is the stub."""
    try:
        await dns_server.serve(responder, address)
    except OSError as error:
        log.warning("no DNS on %s in the node's namespace: %s", address, error)
        await asyncio.Event().wait()
