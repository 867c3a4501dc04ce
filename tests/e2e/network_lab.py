"""A host, a node and pods made of network namespaces, for the network's end-to-end tests.

Everything has a name of its own and is removed at the end; no packet reaches the real host's
links. `Collection` stands in for the API server: the tests decide what it holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from grappe.api.resources import Resource
from grappe.base.config import ClusterConfig
from grappe.client.interface import ObjectList, WatchEvent
from grappe.network import iproute, namespace, netns

_numbers = itertools.count(1)


class Collection:
    """List and watch of objects a test puts and deletes; the part of Client informers use."""

    def __init__(self) -> None:
        self._objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._watchers: list[tuple[str, asyncio.Queue[WatchEvent]]] = []
        self._revision = 0

    def put(self, obj: dict[str, Any]) -> None:
        key = self._key(obj)
        kind = "MODIFIED" if key in self._objects else "ADDED"
        self._revision += 1
        stored = json.loads(json.dumps(obj))
        stored["metadata"]["resourceVersion"] = str(self._revision)
        self._objects[key] = stored
        self._tell(kind, key, stored)

    def delete(self, obj: dict[str, Any]) -> None:
        key = self._key(obj)
        self._revision += 1
        gone = self._objects.pop(key)
        gone["metadata"]["resourceVersion"] = str(self._revision)
        self._tell("DELETED", key, gone)

    async def list(self, resource: Resource, namespace: str | None = None, **_: Any) -> ObjectList:
        items = [o for k, o in self._objects.items() if k[0] == resource.kind]
        return ObjectList(json.loads(json.dumps(items)), str(self._revision), "")

    async def watch(
        self, resource: Resource, namespace: str | None = None, **_: Any
    ) -> AsyncIterator[WatchEvent]:
        queue: asyncio.Queue[WatchEvent] = asyncio.Queue()
        self._watchers.append((resource.kind, queue))
        while True:
            yield await queue.get()

    def _tell(self, kind: str, key: tuple[str, str, str], obj: dict[str, Any]) -> None:
        for wanted, queue in self._watchers:
            if wanted == key[0]:
                queue.put_nowait(WatchEvent(kind, json.loads(json.dumps(obj))))

    @staticmethod
    def _key(obj: dict[str, Any]) -> tuple[str, str, str]:
        return obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


class Pod:
    """A namespace with one address, connected to the node as the ptp plugin does it, in which TCP
    and UDP servers answer `<pod name> <client address>` on the given port."""

    def __init__(self, lab: Lab, name: str, ip: str) -> None:
        self.lab, self.name, self.ip = lab, name, ip
        self._netns = f"{lab.prefix}-{next(_numbers)}"
        self._link = f"p{next(_numbers)}-{os.getpid()}"
        netns.create(self._netns)
        self.fd = netns.open_named(self._netns)
        gateway = lab.gateway
        iproute.batch(
            [
                f"link add {self._link} type veth peer name eth0 netns {self._netns}",
                f"address add {gateway}/32 dev {self._link}",
                f"link set {self._link} up",
                f"route add {ip}/32 dev {self._link} scope host",
            ],
            fd=lab.node_fd,
        )
        iproute.batch(
            [
                "link set lo up",
                f"address add {ip}/32 dev eth0",
                "link set eth0 up",
                f"route add {gateway} dev eth0 scope link",
                f"route add default via {gateway}",
            ],
            fd=self.fd,
        )
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def serve(self, port: int) -> Pod:
        """Answer TCP connections (then echo until they end) and UDP datagrams."""
        listener = netns.socket_in(self.fd, socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("0.0.0.0", port))
        listener.listen(512)
        datagrams = netns.socket_in(self.fd, socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.bind(("0.0.0.0", port))
        for sock, work in ((listener, self._accept), (datagrams, self._datagrams)):
            sock.setblocking(True)
            self._sockets.append(sock)
            thread = threading.Thread(target=work, args=(sock,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, client = listener.accept()
                threading.Thread(
                    target=self._answer, args=(connection, client[0]), daemon=True
                ).start()

    def _answer(self, connection: socket.socket, client: str) -> None:
        with contextlib.suppress(OSError), connection:
            connection.sendall(f"{self.name} {client}\n".encode())
            while data := connection.recv(65536):
                connection.sendall(data)

    def _datagrams(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                _, client = sock.recvfrom(2048)
                if client is None:  # shut down
                    return
                sock.sendto(f"{self.name} {client[0]}\n".encode(), client)

    def stop_serving(self) -> None:
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for sock in self._sockets:
            sock.close()
        self._sockets.clear()
        self._threads.clear()

    def close(self) -> None:
        self.stop_serving()
        iproute.attempt(f"link delete {self._link}", fd=self.lab.node_fd)
        os.close(self.fd)
        netns.delete(self._netns)


class Lab:
    """A host and a node on it. While it lives, the thread that made it is in the node's
    namespace, as the node process is."""

    def __init__(self, data_dir: Path, *, slot: int = 1) -> None:
        self.prefix = f"lab{os.getpid()}-{next(_numbers)}"
        self.config = ClusterConfig(name=self.prefix, data_dir=data_dir, port=0, slot=slot)
        self.gateway = self.config.pod_cidr.split("/")[0][:-1] + "1"
        self._home = netns.open_current()
        netns.create(f"{self.prefix}-host")
        self.host_fd = netns.open_named(f"{self.prefix}-host")
        with netns.inside(self.host_fd):
            iproute.batch(["link set lo up"])
            namespace.ensure(self.config)
        self.node_fd = netns.open_named(self.config.netns)
        self._pods: list[Pod] = []
        netns.enter(self.node_fd)

    def pod(self, name: str, last: int) -> Pod:
        """A pod at the `last` address of the first /24 of the pod range."""
        made = Pod(self, name, self.gateway[:-1] + str(last))
        self._pods.append(made)
        return made

    def close(self) -> None:
        netns.enter(self._home)
        for pod in self._pods:
            pod.close()
        with netns.inside(self.host_fd):
            namespace.delete(self.config)
        os.close(self.node_fd)
        os.close(self.host_fd)
        os.close(self._home)
        netns.delete(f"{self.prefix}-host")


@contextlib.contextmanager
def lab(data_dir: Path) -> Iterator[Lab]:
    made = Lab(data_dir)
    try:
        yield made
    finally:
        made.close()


def call_tcp(fd: int, address: str, port: int, *, timeout: float = 3.0) -> str:
    """Connect from the namespace `fd` and return the greeting; OSError when there is none."""
    with netns.socket_in(fd, socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout)
        sock.connect((address, port))
        greeting = sock.recv(200).decode().strip()
        if not greeting:
            raise ConnectionResetError(f"{address}:{port} closed without an answer")
        return greeting


def call_udp(fd: int, address: str, port: int, *, timeout: float = 3.0) -> str:
    with netns.socket_in(fd, socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        sock.connect((address, port))
        sock.send(b"hello")
        return sock.recv(200).decode().strip()


async def in_thread(work: Callable[..., str], *arguments: Any, **options: Any) -> str:
    """Calls block, and what they call may run in this loop."""
    return await asyncio.to_thread(work, *arguments, **options)
