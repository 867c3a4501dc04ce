"""What the node's network costs: `python -m bench.network`, as root.

Everything happens in namespaces of its own. The figures of docs/networking.md.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import dnslib

from grappe.base.config import ClusterConfig
from grappe.network import namespace, netns, slots
from grappe.network.dns.server import Responder
from grappe.network.dns.upstream import Upstream
from grappe.network.dns.zone import Zone
from grappe.network.nft import Nft
from grappe.network.services import ruleset
from grappe.network.services.render import Elements, NodeFacts, service_elements
from grappe.network.services.table import Table

SERVICES = 1000
ENDPOINTS = 10
NODE = NodeFacts("bench", "10.95.0.2")


def seconds(work: Callable[[], object], times: int = 1) -> float:
    """The median of some runs."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def one_service(number: int, endpoints: int = ENDPOINTS) -> Elements:
    meta = {"namespace": "bench", "name": f"s{number}"}
    spec = {
        "clusterIP": f"10.96.{number // 200 + 1}.{number % 200 + 1}",
        "ports": [{"port": 80, "protocol": "TCP"}],
    }
    addresses = [f"10.244.{number // 20}.{number % 20 * 10 + n}" for n in range(endpoints)]
    slice_ = {
        "addressType": "IPv4",
        "ports": [{"name": "", "port": 8080, "protocol": "TCP"}],
        "endpoints": [{"addresses": [a], "conditions": {"ready": True}} for a in addresses],
    }
    return service_elements({"metadata": meta, "spec": spec}, [slice_], NODE)


def measure_services(nft: Nft) -> None:
    table = Table()
    table.update({f"s{n}": one_service(n) for n in range(SERVICES)})
    text = ruleset.whole(table.elements, service_cidr="10.96.0.0/16", own_addresses=())
    print(f"write {SERVICES} services x {ENDPOINTS}: {seconds(lambda: nft.run_apart(text)):.2f} s")
    chains = ruleset.chains_of(table.elements)
    toggle = iter(range(10**6))

    def change() -> None:
        turn = next(toggle)
        part = one_service(turn % SERVICES, ENDPOINTS - 1)
        changes = table.update({f"s{turn % SERVICES}": part})
        nft.run(ruleset.transaction(changes, chains))
        chains.update(ruleset.chains_of(ruleset.added_by(changes)))

    change()  # the first one reads the kernel's state
    print(f"change one of them: {seconds(change, 200) * 1e3:.2f} ms")
    print(f"look for others' changes: {seconds(nft.disturbances, 200) * 1e6:.0f} us")


class _Empty:
    """A directory of one service."""

    _web = {  # noqa: RUF012
        "metadata": {"namespace": "default", "name": "web"},
        "spec": {"clusterIP": "10.96.1.1", "ports": [{"port": 80}]},
    }

    def service(self, namespace: str, name: str) -> dict[str, object] | None:
        return self._web if (namespace, name) == ("default", "web") else None

    def services_in(self, namespace: str) -> list[dict[str, object]]:
        return []

    services_at = slices_at = services_in

    def slices_of(self, namespace: str, name: str) -> list[dict[str, object]]:
        return []


def measure_dns(fd: int) -> None:
    zone = Zone(_Empty(), domain="cluster.local", dns_ip="10.96.0.10", networks=[])
    responder = Responder(zone, Upstream(fd, list), now=time.monotonic)
    query = bytes(dnslib.DNSRecord.question("web.default.svc.cluster.local").pack())

    def anew() -> None:
        responder.forget()
        responder.at_once(query, tcp=False)

    print(f"a DNS answer, asked before: {_each(lambda: responder.at_once(query, tcp=False))}")
    print(f"a DNS answer, new: {_each(anew)}")


def _each(work: Callable[[], object], times: int = 2000) -> str:
    return f"{seconds(lambda: [work() for _ in range(times)], 3) / times * 1e6:.1f} us"


def main() -> None:
    name = f"bench-{os.getpid()}"
    netns.create(name)
    fd = netns.open_named(name)
    try:
        with netns.inside(fd), tempfile.TemporaryDirectory() as scratch:
            slots.SLOTS_DIR = Path(scratch) / "slots"
            config = ClusterConfig(name, Path(scratch), port=0)
            print(
                f"make the node's network: {seconds(lambda: namespace.ensure(config)) * 1e3:.0f} ms"
            )
            print(f"find it whole: {seconds(lambda: namespace.ensure(config)) * 1e3:.0f} ms")
            print(f"remove it: {seconds(lambda: namespace.delete(config)) * 1e3:.0f} ms")
            nft = Nft()
            measure_services(nft)
            nft.close()
        measure_dns(fd)
    finally:
        os.close(fd)
        netns.delete(name)


if __name__ == "__main__":
    main()
