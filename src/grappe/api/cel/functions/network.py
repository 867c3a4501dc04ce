"""Kubernetes' IP and CIDR libraries."""

from __future__ import annotations

import ipaddress
from typing import Any

from grappe.api.cel.registry import function
from grappe.api.cel.values import CelError, no_overload

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class IP:
    __slots__ = ("address",)
    cel_type = "net.IP"

    def __init__(self, address: _Address) -> None:
        self.address = address

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IP) and other.address == self.address

    def __hash__(self) -> int:
        return hash(self.address)

    def cel_string(self) -> str:
        return str(self.address)


class CIDR:
    __slots__ = ("address", "network")
    cel_type = "net.CIDR"

    def __init__(self, text: str) -> None:
        at, slash, length = text.partition("/")
        if not slash or not length.isdigit() or (len(length) > 1 and length[0] == "0"):
            raise CelError(f"network address parse error during conversion from string: {text!r}")
        self.address = _parse(at)
        try:
            self.network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise CelError(
                f"network address parse error during conversion from string: {text!r}"
            ) from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CIDR) and (other.address, other.network) == (
            self.address,
            self.network,
        )

    def __hash__(self) -> int:
        return hash(self.network)

    def cel_string(self) -> str:
        return f"{self.address}/{self.network.prefixlen}"


def _parse(text: str) -> _Address:
    try:
        if "%" in text:
            raise ValueError
        address = ipaddress.ip_address(text)
    except ValueError:
        raise CelError(f"IP Address {text!r} parse error during conversion from string") from None
    if address.version == 6 and getattr(address, "ipv4_mapped", None) is not None:
        raise CelError("IPv4-mapped IPv6 address is not allowed")
    return address


@function("ip(string) -> IP")
def ip(text: str) -> IP:
    return IP(_parse(text))


@function("isIP(string) -> bool")
def is_ip(text: str) -> bool:
    try:
        _parse(text)
    except CelError:
        return False
    return True


@function("ip.isCanonical(string) -> bool")
def is_canonical(text: str) -> bool:
    return str(_parse(text)) == text


function("IP.family() -> int", on=IP)(lambda value: value.address.version)
function("IP.isUnspecified() -> bool", on=IP)(lambda value: value.address.is_unspecified)
function("IP.isLoopback() -> bool", on=IP)(lambda value: value.address.is_loopback)
function("IP.isLinkLocalUnicast() -> bool", on=IP)(lambda value: value.address.is_link_local)


@function("IP.isLinkLocalMulticast() -> bool", on=IP)
def is_link_local_multicast(value: IP) -> bool:
    packed = value.address.packed
    if value.address.version == 4:
        return packed[:3] == b"\xe0\x00\x00"
    return packed[0] == 0xFF and packed[1] & 0x0F == 0x02


@function("IP.isGlobalUnicast() -> bool", on=IP)
def is_global_unicast(value: IP) -> bool:
    address = value.address
    return not (
        address.is_unspecified
        or address.is_loopback
        or address.is_multicast
        or address.is_link_local
        or address == ipaddress.IPv4Address("255.255.255.255")
    )


@function("cidr(string) -> CIDR")
def cidr(text: str) -> CIDR:
    return CIDR(text)


@function("isCIDR(string) -> bool")
def is_cidr(text: str) -> bool:
    try:
        CIDR(text)
    except CelError:
        return False
    return True


function("CIDR.ip() -> IP", on=CIDR)(lambda value: IP(value.address))
function("CIDR.prefixLength() -> int", on=CIDR)(lambda value: value.network.prefixlen)


@function("CIDR.masked() -> CIDR", on=CIDR)
def masked(value: CIDR) -> CIDR:
    return CIDR(str(value.network))


@function("CIDR.containsIP(IP) -> bool", "CIDR.containsIP(string) -> bool", on=CIDR)
def contains_ip(value: CIDR, other: Any) -> bool:
    address = other.address if isinstance(other, IP) else _parse(_string(other))
    return bool(address in value.network)


@function("CIDR.containsCIDR(CIDR) -> bool", "CIDR.containsCIDR(string) -> bool", on=CIDR)
def contains_cidr(value: CIDR, other: Any) -> bool:
    inner = other if isinstance(other, CIDR) else CIDR(_string(other))
    return bool(
        inner.network.prefixlen >= value.network.prefixlen and inner.address in value.network
    )


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise no_overload()
    return value
