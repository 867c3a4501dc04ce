"""An Isolation as nft(8) text. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from grappe.network.policies.isolation import Isolation

TABLE = "ip grappe-policies"


def absent() -> str:
    """The table gone, whether it was there or not."""
    return f"add table {TABLE}\ndelete table {TABLE}\n"


def whole(wanted: Isolation, *, machine: tuple[str, ...]) -> str:
    """One transaction after which the table is exactly `wanted`. Packets from the addresses in
    `machine` (the node and the machine it is on) reach every pod."""
    lines = [absent(), f"table {TABLE} {{"]
    for name, kind, elements in _sets(wanted):
        lines.append(f"  {kind} {name} {{ type {_TYPES[kind, name.split('-')[0]]}")
        if elements:
            lines.append(f"    elements = {{ {', '.join(elements)} }}")
        lines.append("  }")
    for chain, rules in wanted.chains.items():
        lines += [f"  chain {chain} {{", *(f"    {rule}" for rule in rules), "  }"]
    lines += [
        "  chain forward { type filter hook forward priority -10;",
        "    ct state established,related accept",
        "    ip saddr . ip daddr @self accept",
        "    ip saddr vmap @egress",
        f"    ip saddr {{ {', '.join(machine)} }} accept",
        "    ip daddr vmap @ingress",
        "  }",
        "}",
    ]
    return "\n".join(lines) + "\n"


def change(before: Isolation, after: Isolation) -> str | None:
    """The text that leads from one to the other, None when it takes writing the whole.

    Empty when there is nothing to change.
    """
    old, new = list(_sets(before)), list(_sets(after))
    if before.chains != after.chains or [s[:2] for s in old] != [s[:2] for s in new]:
        return None
    removed: list[str] = []
    added: list[str] = []
    for (name, _, earlier), (_, _, later) in zip(old, new, strict=True):
        for verb, elements, lines in (
            ("delete", set(earlier) - set(later), removed),
            ("add", set(later) - set(earlier), added),
        ):
            if elements:
                keys = [e.split(" : ")[0] for e in elements] if verb == "delete" else elements
                lines.append(f"{verb} element {TABLE} {name} {{ {', '.join(sorted(keys))} }}\n")
    return "".join(removed + added)


_TYPES = {
    ("map", "ingress"): "ipv4_addr : verdict",
    ("map", "egress"): "ipv4_addr : verdict",
    ("set", "self"): "ipv4_addr . ipv4_addr",
    ("set", "peers"): "ipv4_addr",
    ("set", "ports"): "ipv4_addr . inet_service",
}


def _sets(isolation: Isolation) -> Iterator[tuple[str, str, list[str]]]:
    """(name, set or map, elements) of all, in a stable order."""
    for name, addresses in sorted(isolation.peers.items()):
        yield name, "set", sorted(addresses)
    for name, ports in sorted(isolation.ports.items()):
        yield name, "set", sorted(ports)
    isolated = sorted({*isolation.pods["ingress"], *isolation.pods["egress"]})
    yield "self", "set", [f"{ip} . {ip}" for ip in isolated]
    for direction, pods in isolation.pods.items():
        yield direction, "map", [f"{ip} : jump {chain}" for ip, chain in sorted(pods.items())]
