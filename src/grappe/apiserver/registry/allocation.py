"""Cluster IPs and node ports: each is held by one service at a time.

The allocators live in memory and are rebuilt from the stored services at start; a value is taken
in the same loop step in which the write that holds it is queued, so two writers never get one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from zlib import crc32

NODE_PORTS = range(30000, 32768)


class AllocatedError(Exception):
    """The value asked for is already held."""


class ExhaustedError(Exception):
    """No free value is left."""


class OutOfRangeError(Exception):
    """The value asked for is outside the range."""


class IPAllocator:
    """Addresses of one service range, as text. The network's own, first (the API server's),
    tenth (DNS) and broadcast addresses are given only to who asks for them."""

    def __init__(self, cidr: str) -> None:
        self.network = ipaddress.IPv4Network(cidr)
        self._held: set[str] = set()
        self._first = int(self.network.network_address)
        self._size = self.network.num_addresses
        # Addresses that are asked for by name mostly come from the low end; as Kubernetes does,
        # automatic ones are taken from above it while there are any.
        self._static = min(max(16, self._size // 16), 256)

    def __contains__(self, address: str) -> bool:
        return address in self._held

    def take(self, address: str) -> None:
        """Hold `address`; OutOfRangeError or AllocatedError."""
        offset = int(ipaddress.IPv4Address(address)) - self._first
        if not 0 < offset < self._size - 1:
            raise OutOfRangeError(address)
        if address in self._held:
            raise AllocatedError(address)
        self._held.add(address)

    def take_any(self, seed: str) -> str:
        """Hold a free address; `seed` (the service's uid) spreads the choices."""
        for offset in self._candidates(crc32(seed.encode())):
            address = str(ipaddress.IPv4Address(self._first + offset))
            if address not in self._held:
                self._held.add(address)
                return address
        raise ExhaustedError(str(self.network))

    def release(self, address: str) -> None:
        self._held.discard(address)

    def _candidates(self, start: int) -> Iterator[int]:
        low, high = self._static, self._size - 1
        span = high - low
        for step in range(span):
            yield low + (start + step) % span
        yield from (offset for offset in range(2, low) if offset != 10)


class PortAllocator:
    """Node ports of every service."""

    def __init__(self, ports: range = NODE_PORTS) -> None:
        self.ports = ports
        self._held: set[int] = set()

    def __contains__(self, port: int) -> bool:
        return port in self._held

    def take(self, port: int) -> None:
        """Hold `port`; OutOfRangeError or AllocatedError."""
        if port not in self.ports:
            raise OutOfRangeError(str(port))
        if port in self._held:
            raise AllocatedError(str(port))
        self._held.add(port)

    def take_any(self, seed: str) -> int:
        """Hold a free port; `seed` spreads the choices."""
        start, count = crc32(seed.encode()), len(self.ports)
        for step in range(count):
            port = self.ports[(start + step) % count]
            if port not in self._held:
                self._held.add(port)
                return port
        raise ExhaustedError("node ports")

    def release(self, port: int) -> None:
        self._held.discard(port)


class Allocators:
    """The allocators of one cluster."""

    def __init__(self, service_cidr: str) -> None:
        self.addresses = IPAllocator(service_cidr)
        self.ports = PortAllocator()
