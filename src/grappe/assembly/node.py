"""The node process: the agent and, on a real node, its network, in the node's own namespace.

`python -m grappe.assembly.node DATA_DIR`. Also what the command line does to a node from outside:
load and list images, stop it, remove it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from grappe.base.clock import SystemClock
from grappe.base.config import CLUSTER_DOMAIN, ClusterConfig
from grappe.base.errors import UserError
from grappe.base.logging import setup
from grappe.base.tasks import run_until_signalled
from grappe.client import connect
from grappe.client.interface import Client
from grappe.node.settings import NodeSettings

log = logging.getLogger("grappe.node")

KUBELET_PORT = 10250
_Tasks = Mapping[str, Coroutine[None, None, None]]


def settings_of(config: ClusterConfig) -> NodeSettings:
    """What the agent of the cluster's real node has to know."""
    return NodeSettings(
        cluster=config.name,
        node_name=config.node_name,
        node_ip=config.node_ip,
        directory=config.node_dir,
        pod_cidr=config.pod_cidr,
        cluster_dns=config.dns_ip,
        cluster_domain=CLUSTER_DOMAIN,
        kubelet_address=config.node_ip,
        kubelet_port=KUBELET_PORT,
        serving_certificate=config.pki_dir / "kubelet.crt",
        serving_key=config.pki_dir / "kubelet.key",
        client_ca=config.pki_dir / "ca.crt",
        cgroup_root=f"/grappe/{config.name}",
    )


def simulated_settings(config: ClusterConfig) -> list[NodeSettings]:
    """One for each simulated node; each has its own part of the pod range."""
    prefix = 24 if config.simulate <= 256 else 26
    ranges = ipaddress.ip_network(config.pod_cidr).subnets(new_prefix=prefix)
    names = [config.node_name] if config.simulate == 1 else [
        f"{config.node_name}-{number}" for number in range(1, config.simulate + 1)
    ]  # fmt: skip
    return [
        NodeSettings(
            cluster=config.name,
            node_name=name,
            node_ip=config.node_ip,
            directory=config.node_dir / name,
            pod_cidr=str(pods),
            cluster_dns=config.dns_ip,
            serving_certificate=config.pki_dir / "kubelet.crt",
            serving_key=config.pki_dir / "kubelet.key",
            client_ca=config.pki_dir / "ca.crt",
            simulated=True,
        )
        for name, pods in zip(names, ranges, strict=False)
    ]


def _simulated_tasks(client: Client, config: ClusterConfig) -> _Tasks:
    from grappe.node import agent
    from grappe.node.runtime.simulated.runtime import SimulatedRuntime

    clock = SystemClock()
    return {
        settings.node_name: agent.run(
            client,
            settings,
            SimulatedRuntime(settings.pod_cidr, directory=settings.directory, clock=clock),
            clock,
        )
        for settings in simulated_settings(config)
    }


def _real_tasks(client: Client, config: ClusterConfig, host_netns_fd: int) -> _Tasks:
    from grappe.network import agent as network
    from grappe.network import cni
    from grappe.node import agent
    from grappe.node.runtime.containerd.runtime import ContainerdRuntime

    settings = settings_of(config)
    runtime = ContainerdRuntime(settings.directory)
    cni.write(runtime.paths.cni_config, config)
    return {
        "agent": agent.run(client, settings, runtime, SystemClock()),
        "network": network.run(client, config, host_netns_fd),
    }


async def _run(config: ClusterConfig, host_netns_fd: int | None) -> None:
    client = connect(config.kubeconfig_of("node"))
    try:
        if host_netns_fd is None:
            await run_until_signalled(_simulated_tasks(client, config))
        else:
            await run_until_signalled(_real_tasks(client, config, host_netns_fd))
    finally:
        await client.close()


def _enter_namespace(config: ClusterConfig) -> int:
    """Move this process into the node's namespace; a descriptor of the host's.

    Before the first thread and the event loop, which stay where they are made.
    """
    from grappe.network import namespace, netns

    namespace.ensure(config)
    host = netns.open_current()
    node = netns.open_named(config.netns)
    netns.enter(node)
    return host


# -- from the command line -------------------------------------------------------------------


def load_image(config: ClusterConfig, archive: Path) -> list[str]:
    """Import an OCI or Docker archive into the node's containerd; the images' names."""
    from grappe.node.runtime.containerd.images import load_image as load
    from grappe.node.runtime.containerd.paths import Paths

    return asyncio.run(load(Paths(config.node_dir), archive))


def list_images(config: ClusterConfig) -> list[dict[str, Any]]:
    """The node's images: `id`, `tags`, `size` in bytes."""
    from grappe.node.runtime.containerd.runtime import ContainerdRuntime

    async def ask() -> list[dict[str, Any]]:
        runtime = ContainerdRuntime(config.node_dir)
        await runtime.connect()
        try:
            images = await runtime.list_images()
        finally:
            await runtime.close()
        return [{"id": i.id, "tags": list(i.tags), "size": i.size} for i in images]

    return asyncio.run(ask())


def stop_node(config: ClusterConfig) -> None:
    """Stop the containers, their containerd and the node's network; data and images stay."""
    from grappe.network import namespace
    from grappe.node import cleanup

    cleanup.stop_node(settings_of(config))
    namespace.delete(config)


def delete_node(config: ClusterConfig, say: Callable[[str], None]) -> None:
    """Remove everything of the node from this machine; `say` is told how far it is."""
    from grappe.network import namespace
    from grappe.node import cleanup

    cleanup.delete_node(settings_of(config), say)
    say("removing the node's network")
    namespace.delete(config)


def main() -> None:
    import uvloop

    setup()
    config = ClusterConfig.load(Path(sys.argv[1]))
    try:
        host_netns_fd = None if config.simulate else _enter_namespace(config)
        uvloop.run(_run(config, host_netns_fd))
    except UserError as error:
        log.error("%s; %s", error.message, error.fix)
        sys.exit(1)


if __name__ == "__main__":
    main()
