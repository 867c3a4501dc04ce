"""Addresses and networks that are valid in a form they should not be written in."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Address, IPv6Network, ip_address

from grappe.api.causes import quote
from grappe.api.validation.rules import parsed_address, parsed_network


def address(value: str, at: str) -> Iterator[str]:
    """One that validation accepted."""
    found = parsed_address(value)
    if not isinstance(found, IPv6Address):
        return
    if found.ipv4_mapped:
        yield (
            f"{at}: non-standard IP address {quote(value)} will be considered invalid in a future "
            f"Kubernetes release: use {quote(str(found.ipv4_mapped))}"
        )
    elif str(found) != value:
        yield (
            f"{at}: IPv6 address {quote(value)} should be in RFC 5952 canonical format "
            f"({quote(str(found))})"
        )


def network(value: str, at: str) -> Iterator[str]:
    """One that validation accepted."""
    found = parsed_network(value)
    if found is None:
        return
    start = ip_address(value.partition("/")[0])
    if start != found.network_address:
        single = f"{start}/{found.max_prefixlen}"
        yield (
            f"{at}: CIDR value {quote(value)} is ambiguous in this context (should be "
            f"{quote(str(found))} or {quote(single)}?)"
        )
    elif isinstance(found, IPv6Network) and str(found) != value:
        yield (
            f"{at}: IPv6 CIDR value {quote(value)} should be in RFC 5952 canonical format "
            f"({quote(str(found))})"
        )
