"""Cluster DNS asked by pods and the host, with a resolver that only the host can reach."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NoReturn

import dnslib
import pytest

from grappe.client.interface import TransportError
from grappe.network import agent, egress, netns, slots
from grappe.network.dns import upstream
from tests.e2e.network_lab import Collection, Lab, lab
from tests.network_objects import endpoint_slice, service

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft"), reason="needs root and nft"),
]

WEB = "web.default.svc.cluster.local"


class HostResolver:
    """A resolver on 127.0.0.53 of the host's namespace. It knows `*.example.org` and counts."""

    def __init__(self, host_fd: int) -> None:
        self.asked: list[str] = []
        self.silent = False
        self._udp = netns.socket_in(host_fd, socket.AF_INET, socket.SOCK_DGRAM)
        self._tcp = netns.socket_in(host_fd, socket.AF_INET, socket.SOCK_STREAM)
        for sock in (self._udp, self._tcp):
            sock.setblocking(True)
            sock.bind(("127.0.0.53", 53))
        self._tcp.listen()
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._by_udp, self._by_tcp)
        ]
        for thread in self._threads:
            thread.start()

    def _answer(self, data: bytes, *, tcp: bool) -> bytes:
        query = dnslib.DNSRecord.parse(data)
        name = str(query.q.qname)
        self.asked.append(name)
        reply = query.reply()
        if not name.endswith("example.org."):
            reply.header.rcode = dnslib.RCODE.NXDOMAIN
        elif name.startswith("long.") and not tcp:
            reply.header.tc = 1
        elif query.q.qtype == dnslib.QTYPE.A:
            address = "198.51.100.2" if tcp else "198.51.100.1"
            reply.add_answer(dnslib.RR(name, rdata=dnslib.A(address), ttl=60))
        return bytes(reply.pack())

    def _by_udp(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                data, asker = self._udp.recvfrom(4096)
                if asker is None:
                    return
                if not self.silent:
                    # A forger's answer first: another id.
                    self._udp.sendto(b"\0\0" + data[2:], asker)
                    self._udp.sendto(self._answer(data, tcp=False), asker)

    def _by_tcp(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._tcp.accept()
                with connection:
                    length = int.from_bytes(connection.recv(2))
                    answer = self._answer(connection.recv(length), tcp=True)
                    connection.sendall(len(answer).to_bytes(2) + answer)

    def close(self) -> None:
        for sock in (self._udp, self._tcp):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._udp.close()
        self._tcp.close()


class Dns:
    def __init__(
        self, lab: Lab, cluster: Collection, resolver: HostResolver, resolv_conf: Path
    ) -> None:
        self.lab, self.cluster, self.resolver = lab, cluster, resolver
        self.resolv_conf = resolv_conf

    async def raw(self, data: bytes, fd: int, *, tcp: bool = False, timeout: float = 8) -> bytes:
        kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        loop = asyncio.get_running_loop()
        with netns.socket_in(fd, socket.AF_INET, kind) as sock:
            await loop.sock_connect(sock, (self.lab.config.dns_ip, 53))
            async with asyncio.timeout(timeout):
                if not tcp:
                    await loop.sock_sendall(sock, data)
                    return await loop.sock_recv(sock, 65535)
                await loop.sock_sendall(sock, len(data).to_bytes(2) + data)
                received = b""
                while len(received) < 2 or len(received) < int.from_bytes(received[:2]) + 2:
                    more = await loop.sock_recv(sock, 65535)
                    if not more:
                        raise ConnectionResetError("closed without an answer")
                    received += more
                return received[2:]

    async def ask(
        self, name: str, type_: str = "A", *, fd: int | None = None, tcp: bool = False
    ) -> dnslib.DNSRecord:
        query = dnslib.DNSRecord.question(name, type_)
        answer = await self.raw(query.pack(), fd or self.lab.host_fd, tcp=tcp)
        return dnslib.DNSRecord.parse(answer)

    async def addresses(self, name: str, *, fd: int | None = None, tcp: bool = False) -> list[str]:
        found = await self.ask(name, fd=fd, tcp=tcp)
        return [str(r.rdata) for r in found.rr if r.rtype == dnslib.QTYPE.A]

    async def until(self, name: str, expected: list[str]) -> None:
        """Changes of the cluster reach the server through its informers."""
        async with asyncio.timeout(5):
            while sorted(await self.addresses(name)) != expected:
                await asyncio.sleep(0)


@pytest.fixture
async def dns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Dns]:
    monkeypatch.setattr(slots, "SLOTS_DIR", tmp_path / "slots")
    monkeypatch.setenv(egress.SWITCH, "off")
    with lab(tmp_path) as made:
        cluster = Collection()
        cluster.put(service("web", "10.97.1.1"))
        cluster.put(service("pets", "None"))
        cluster.put(endpoint_slice("pets", [f"10.243.0.{n}" for n in range(2, 6)]))
        resolver = HostResolver(made.host_fd)
        resolv_conf = tmp_path / "resolv.conf"
        resolv_conf.write_text("nameserver 127.0.0.53\n")
        running = asyncio.create_task(
            agent.run(cluster, made.config, made.host_fd, resolv_conf=resolv_conf)  # type: ignore[arg-type]
        )
        ready = Dns(made, cluster, resolver, resolv_conf)
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(OSError):
                    if (await ready.ask("cluster.local", "SOA", tcp=True)).rr:
                        break
                await asyncio.sleep(0.01)
        try:
            yield ready
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            resolver.close()


async def test_pods_host_and_node_find_services_by_udp_and_tcp(dns: Dns) -> None:
    pod = dns.lab.pod("client", 9)
    for fd in (pod.fd, dns.lab.host_fd, dns.lab.node_fd):
        for tcp in (False, True):
            assert await dns.addresses(WEB, fd=fd, tcp=tcp) == ["10.97.1.1"]
            assert await dns.addresses(WEB.upper(), fd=fd, tcp=tcp) == ["10.97.1.1"]


async def test_services_are_found_and_forgotten_as_they_come_and_go(dns: Dns) -> None:
    name = "new.default.svc.cluster.local"
    assert (await dns.ask(name)).header.rcode == dnslib.RCODE.NXDOMAIN
    new = service("new", "10.97.1.2")
    dns.cluster.put(new)
    await dns.until(name, ["10.97.1.2"])
    dns.cluster.delete(new)
    await dns.until(name, [])


async def test_clients_that_take_the_first_address_are_spread(dns: Dns) -> None:
    name = "pets.default.svc.cluster.local"
    firsts = {(await dns.addresses(name))[0] for _ in range(60)}
    assert firsts == {f"10.243.0.{n}" for n in range(2, 6)}


async def test_too_long_an_answer_is_cut_by_udp_and_whole_by_tcp(dns: Dns) -> None:
    name = "pets.default.svc.cluster.local"
    everything = sorted(f"10.243.1.{n}" for n in range(200))
    dns.cluster.put(endpoint_slice("pets", everything))
    async with asyncio.timeout(5):
        while len(await dns.addresses(name, tcp=True)) != 200:
            await asyncio.sleep(0)
    assert sorted(await dns.addresses(name, tcp=True)) == everything
    cut = await dns.ask(name)
    assert cut.header.tc
    assert cut.rr == []


async def test_other_names_are_asked_of_the_hosts_resolver_and_kept_a_moment(dns: Dns) -> None:
    pod = dns.lab.pod("client", 9)
    for _ in range(3):
        assert await dns.addresses("www.example.org", fd=pod.fd) == ["198.51.100.1"]
    assert dns.resolver.asked == ["www.example.org."]
    assert await dns.addresses("www.example.org", fd=pod.fd, tcp=True) == ["198.51.100.2"]
    missing = await dns.ask("www.example.com", fd=pod.fd)
    assert missing.header.rcode == dnslib.RCODE.NXDOMAIN


async def test_an_answer_cut_by_the_resolver_is_asked_again_by_tcp_by_the_client(dns: Dns) -> None:
    assert (await dns.ask("long.example.org")).header.tc
    assert await dns.addresses("long.example.org", tcp=True) == ["198.51.100.2"]


async def test_an_external_name_is_followed(dns: Dns) -> None:
    for name in ("docs", "long"):
        alias = service(name, "", type="ExternalName", externalName=f"{name}.example.org")
        dns.cluster.put(alias)
    await dns.until("docs.default.svc.cluster.local", ["198.51.100.1"])
    await dns.until("long.default.svc.cluster.local", ["198.51.100.2"])
    answer = await dns.ask("docs.default.svc.cluster.local")
    assert [r.rtype for r in answer.rr] == [dnslib.QTYPE.CNAME, dnslib.QTYPE.A]


async def test_names_of_the_cluster_never_leave_it(dns: Dns) -> None:
    for name in ("nothing.default.svc.cluster.local", "example.org.cluster.local"):
        assert (await dns.ask(name)).header.rcode == dnslib.RCODE.NXDOMAIN
    pointer = await dns.ask("9.9.97.10.in-addr.arpa", "PTR")
    assert pointer.header.rcode == dnslib.RCODE.NXDOMAIN
    assert dns.resolver.asked == []


@pytest.mark.parametrize("content", ["", "nameserver 127.0.0.99\n", "nameserver 203.0.113.1\n"])
async def test_without_a_resolver_that_answers_the_failure_is_quick(dns: Dns, content: str) -> None:
    dns.resolv_conf.write_text(content)
    began = time.monotonic()
    answer = await dns.ask("www.example.org")
    assert answer.header.rcode == dnslib.RCODE.SERVFAIL
    assert time.monotonic() - began < upstream.ATTEMPT_SECONDS
    assert await dns.addresses(WEB) == ["10.97.1.1"]


async def test_a_silent_resolver_is_passed_over_for_the_next(
    dns: Dns, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hurried:
        hurried.setattr(upstream, "ATTEMPT_SECONDS", 0.4)
        dns.resolver.silent = True
        assert (await dns.ask("a.example.org")).header.rcode == dnslib.RCODE.SERVFAIL
    dns.resolver.silent = False
    dns.resolv_conf.write_text("nameserver 127.0.0.99\nnameserver 127.0.0.53\n")
    assert await dns.addresses("b.example.org") == ["198.51.100.1"]


async def test_the_same_question_of_many_goes_out_once(dns: Dns) -> None:
    answers = await asyncio.gather(*(dns.addresses("many.example.org") for _ in range(50)))
    assert all(found == ["198.51.100.1"] for found in answers)
    assert dns.resolver.asked == ["many.example.org."]


async def test_what_runs_beside_the_pods_finds_the_hosts_stub_resolver(dns: Dns) -> None:
    """containerd, in the node's namespace, asks the address the host's resolv.conf names."""
    loop = asyncio.get_running_loop()
    with netns.socket_in(dns.lab.node_fd, socket.AF_INET, socket.SOCK_DGRAM) as sock:
        await loop.sock_connect(sock, ("127.0.0.53", 53))
        await loop.sock_sendall(sock, bytes(dnslib.DNSRecord.question("www.example.org").pack()))
        answer = await asyncio.wait_for(loop.sock_recv(sock, 512), 5)
    assert [str(r.rdata) for r in dnslib.DNSRecord.parse(answer).rr] == ["198.51.100.1"]


async def test_while_the_api_server_is_away_names_of_the_cluster_fail_but_are_not_denied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "SLOTS_DIR", tmp_path / "slots")
    monkeypatch.setenv(egress.SWITCH, "off")

    class Away(Collection):
        async def list(self, *_: object, **__: object) -> NoReturn:
            raise TransportError("connection refused")

    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("nameserver 127.0.0.53\n")
    with lab(tmp_path) as made:
        resolver = HostResolver(made.host_fd)
        away = Away()
        dns = Dns(made, away, resolver, resolv_conf)
        running = asyncio.create_task(
            agent.run(away, made.config, made.host_fd, resolv_conf=resolv_conf)  # type: ignore[arg-type]
        )
        try:
            async with asyncio.timeout(10):
                while True:
                    with contextlib.suppress(OSError):
                        assert (await dns.ask(WEB, tcp=True)).header.rcode == dnslib.RCODE.SERVFAIL
                        break
                    await asyncio.sleep(0.01)
            assert await dns.addresses("www.example.org") == ["198.51.100.1"]
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            resolver.close()


async def test_garbage_is_ignored_and_the_server_goes_on(dns: Dns) -> None:
    response = dnslib.DNSRecord.question(WEB).reply().pack()
    for data in (b"x", b"\xff" * 40, bytes(response)):
        with pytest.raises(TimeoutError):
            await dns.raw(data, dns.lab.host_fd, timeout=0.05)
        with pytest.raises(ConnectionResetError):
            await dns.raw(data, dns.lab.host_fd, tcp=True)
    assert await dns.addresses(WEB) == ["10.97.1.1"]


async def test_thousands_of_questions_a_second_are_answered(dns: Dns) -> None:
    """Far below what it does; a guard against answers becoming slow by an order of magnitude."""
    query = dnslib.DNSRecord.question(WEB).pack()
    loop = asyncio.get_running_loop()
    with netns.socket_in(dns.lab.host_fd, socket.AF_INET, socket.SOCK_DGRAM) as sock:
        await loop.sock_connect(sock, (dns.lab.config.dns_ip, 53))
        began = time.process_time()
        for _ in range(2000):
            await loop.sock_sendall(sock, query)
            assert await loop.sock_recv(sock, 512)
        assert 2000 / (time.process_time() - began) > 1000
