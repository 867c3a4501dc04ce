"""The node's place on this machine: a network namespace and one link to it.

    host ── grappe<slot>h  host_ip/30 ═══ node_ip/30  grappe<slot>n ── namespace grappe-<name>
            routes: pods, services → node_ip                             lo: dns_ip

Of the host this touches nothing else: no firewall, no sysctl, no forwarding. Pod and service
ranges are unreachable on the host except through the link, so no packet for them ever leaves the
machine, whatever is up or down. Pods are routed, not bridged (see `cni`), so that every packet
between them passes nftables without br_netfilter, which would be a setting of the whole host.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from grappe.base.config import ClusterConfig
from grappe.base.errors import UserError
from grappe.network import egress, iproute, netns, slots
from grappe.network.slots import free_slot

__all__ = [
    "NodeNetwork",
    "damages",
    "delete",
    "ensure",
    "free_slot",
    "host_link",
    "node_link",
    "problems",
]

# After every route anyone else would add, and therefore only when the link's own is gone.
LAST_METRIC = 4_278_198_272
_FIREWALL_SECONDS = 1.0
_CARRIER_SECONDS = 2.0

SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    # a service whose endpoint is its own client is routed back where it came from
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
    # packets conntrack thinks out of window must still be translated
    "net/netfilter/nf_conntrack_tcp_be_liberal": "1",
    # containers of any user may listen below 1024 and ping, as in Docker and CRI
    "net/ipv4/ip_unprivileged_port_start": "0",
    "net/ipv6/conf/default/disable_ipv6": "1",
}


@dataclass(frozen=True, slots=True)
class NodeNetwork:
    """What `ensure` made."""

    netns: Path
    host_link: str
    node_link: str
    host_ip: str
    node_ip: str


def host_link(config: ClusterConfig) -> str:
    """At most 15 characters, so numbered rather than named."""
    return f"grappe{config.slot}h"


def node_link(config: ClusterConfig) -> str:
    return f"grappe{config.slot}n"


def _link_net(config: ClusterConfig) -> str:
    return str(ipaddress.ip_network(f"{config.host_ip}/30", strict=False))


def _guards(config: ClusterConfig) -> list[str]:
    """Routes that stop cluster packets from following a default route. They outlive the link."""
    return [f"unreachable {network} metric {LAST_METRIC}" for network in slots.ranges(config)]


def host_commands(config: ClusterConfig) -> list[str]:
    """`ip` commands for the host, each of which may be run again."""
    link = host_link(config)
    return [
        f"address replace {config.host_ip}/30 dev {link}",
        f"link set {link} up",
        f"route replace {_link_net(config)} dev {link} "
        f"proto kernel scope link src {config.host_ip}",
        f"route replace {config.pod_cidr} via {config.node_ip} dev {link}",
        f"route replace {config.service_cidr} via {config.node_ip} dev {link}",
    ]


def node_commands(config: ClusterConfig) -> list[str]:
    """`ip` commands inside the namespace, each of which may be run again.

    The service range points at lo only for the sake of a source address: packets of the node
    itself are translated before they would get there, or refused.
    """
    return [
        "link set lo up",
        f"address replace {config.dns_ip}/32 dev lo scope host",
        f"address replace {config.node_ip}/30 dev {node_link(config)}",
        f"link set {node_link(config)} up",
        f"route replace {_link_net(config)} dev {node_link(config)} "
        f"proto kernel scope link src {config.node_ip}",
        f"route replace {config.service_cidr} dev lo src {config.node_ip}",
        f"route replace unreachable {config.pod_cidr} metric {LAST_METRIC}",
    ]


def ensure(config: ClusterConfig) -> NodeNetwork:
    """Make the node's namespace and link, or whatever of it is missing.

    Run in the host's namespace, as root. Raises UserError when the addresses belong to another
    cluster or `ip` is missing, `iproute.IpError` with its words when the kernel refuses.
    """
    if os.geteuid() != 0:
        raise UserError(
            "a node with containers needs root",
            "run: sudo grappe up, or grappe up --simulate 1",
        )
    slots.hold(config)
    iproute.batch([f"route replace {guard}" for guard in _guards(config)])
    netns.create(config.netns)
    fd = netns.open_named(config.netns)
    try:
        _set_sysctls(fd)
        if not (node_link(config) in _links(fd) and host_link(config) in _links(None)):
            iproute.attempt(f"link delete {host_link(config)}")
            iproute.batch(
                [
                    f"link add {host_link(config)} type veth "
                    f"peer name {node_link(config)} netns {config.netns}"
                ]
            )
        iproute.batch(node_commands(config), fd=fd)
        iproute.batch(host_commands(config))
        _await_carrier(config, fd)
    finally:
        os.close(fd)
    return NodeNetwork(
        netns.path_of(config.netns),
        host_link(config),
        node_link(config),
        config.host_ip,
        config.node_ip,
    )


def delete(config: ClusterConfig) -> None:
    """Remove the way out, link, routes, namespace and the claim on the slot. Idempotent.

    The containers of the node must have ended before; a process left inside keeps the
    namespace, though not its name or link, alive.
    """
    egress.stop(config)
    iproute.attempt(f"link delete {host_link(config)}")
    for guard in _guards(config):
        iproute.attempt(f"route delete {guard}")
    netns.delete(config.netns)
    slots.release(config)


def damages(config: ClusterConfig) -> list[str]:
    """What of the node's network is missing, one sentence each: what `ensure` would mend.

    Run in the host's namespace.
    """
    if not netns.exists(config.netns):
        return [f"network namespace {config.netns} does not exist"]
    fd = netns.open_named(config.netns)
    try:
        found = _missing_links(config, fd)
    finally:
        os.close(fd)
    routes = iproute.show("-4 route show")
    routed = {route["dst"] for route in routes if route.get("dev") == host_link(config)}
    for cidr in (_link_net(config), config.pod_cidr, config.service_cidr):
        if cidr not in routed:
            found.append(f"the host has no route to {cidr} by link {host_link(config)}")
    guarded = {route["dst"] for route in routes if route.get("type") == "unreachable"}
    for network in slots.ranges(config):
        if str(network) not in guarded:
            found.append(f"nothing keeps packets for {network} from leaving the host")
    return found


def problems(config: ClusterConfig) -> list[str]:
    """The damages, or what else keeps pods and this machine apart; empty when all is well."""
    found = damages(config)
    if not found:
        fd = netns.open_named(config.netns)
        try:
            found = _firewalled(config, fd)
        finally:
            os.close(fd)
    return found


def _firewalled(config: ClusterConfig, fd: int) -> list[str]:
    """Whether packets from the node to this machine get lost. That nobody listens is no matter."""
    with netns.socket_in(fd, socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(_FIREWALL_SECONDS)
        try:
            sock.connect((config.host_ip, config.port or 1))
        except TimeoutError:
            link = host_link(config)
            return [
                f"pods cannot reach this machine at {config.host_ip}: its firewall drops what "
                f"comes in on link {link} (allow it, for instance: ufw allow in on {link})"
            ]
        except OSError:
            pass
    return []


def _missing_links(config: ClusterConfig, fd: int) -> list[str]:
    found = []
    for name, where, fd_or_host in (
        (host_link(config), "the host", None),
        (node_link(config), config.netns, fd),
    ):
        links = _links(fd_or_host)
        if name not in links:
            found.append(f"link {name} is missing in {where}")
        elif not links[name]:
            found.append(f"link {name} in {where} is down")
    return found


def _await_carrier(config: ClusterConfig, fd: int) -> None:
    """The kernel opens a new link a moment after it is set up; until then it loses packets, and
    whoever sent the first would wait a second before trying again."""
    deadline = time.monotonic() + _CARRIER_SECONDS
    ends = ((host_link(config), None), (node_link(config), fd))
    while any(
        link["operstate"] != "UP"
        for name, where in ends
        for link in iproute.show(f"link show dev {name}", fd=where)
    ):
        if time.monotonic() > deadline:
            return  # `problems` will say what is wrong
        time.sleep(0.001)


def _links(fd: int | None) -> dict[str, bool]:
    """Name → whether it is administratively up."""
    return {link["ifname"]: "UP" in link["flags"] for link in iproute.show("link show", fd=fd)}


def _set_sysctls(fd: int) -> None:
    """`/proc/sys/net` shows the namespace of the thread that opens a file in it."""
    with netns.inside(fd):
        for name, value in SYSCTLS.items():
            path = Path("/proc/sys") / name
            if path.exists():
                path.write_text(value)
