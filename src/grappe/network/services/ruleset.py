"""The table's fixed part, and changes to its elements, as nft(8) transactions. Pure.

A new connection looks its destination up in `services`, is drawn a slot by chain `spread<n>` and
translated to what `slots` holds for it: three lookups, however many services there are. Where
clients stick, `sticky<n>-<seconds>` first tries the endpoint it has for the client in `sticky`;
one that is gone finds no slot, and another is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from grappe.network import egress
from grappe.network.services.render import Elements
from grappe.network.services.table import Change, Element

TABLE = "ip grappe"
_FLUSHED = ("services", "slots", "drawn", "hairpin", "external")

_KEY = "ip daddr . meta l4proto . th dport"
_CLIENT_KEY = f"ip saddr . {_KEY}"

_DECLARATIONS = f"""
table {TABLE} {{
  map services {{ type ipv4_addr . inet_proto . inet_service : verdict; }}
  map slots {{ type ipv4_addr . inet_proto . inet_service . mark : ipv4_addr . inet_service; }}
  map drawn {{ type ipv4_addr . inet_proto . inet_service . mark : mark; }}
  map sticky {{
    type ipv4_addr . ipv4_addr . inet_proto . inet_service : mark
    size 65535; flags dynamic,timeout; timeout 3h
  }}
  set hairpin {{ type ipv4_addr . ipv4_addr; }}
  set external {{ type ipv4_addr; }}
  chain translate {{ }}
  chain refuse {{ }}
  chain prerouting {{ type nat hook prerouting priority dstnat; }}
  chain output {{ type nat hook output priority -100; }}
  chain postrouting {{ type nat hook postrouting priority srcnat; }}
  chain refuse-forward {{ type filter hook forward priority filter; }}
  chain refuse-output {{ type filter hook output priority filter; }}
}}
"""


def whole(elements: Elements, *, service_cidr: str, own_addresses: Iterable[str]) -> str:
    """One transaction after which the table holds exactly `elements`, whatever it held before.

    Which client sticks to which endpoint is kept.
    """
    lines = [_DECLARATIONS, f"flush table {TABLE}"]
    lines += [f"flush {_kind(name)} {TABLE} {name}" for name in _FLUSHED]
    lines += [
        f"add rule {TABLE} translate dnat ip to {_KEY} . meta mark map @slots",
        f"add rule {TABLE} refuse meta l4proto tcp reject with tcp reset",
        f"add rule {TABLE} refuse reject",
        f"add rule {TABLE} prerouting {_KEY} vmap @services",
        f"add rule {TABLE} output {_KEY} vmap @services",
        f'add rule {TABLE} postrouting oifname "lo" accept',
        f"add rule {TABLE} postrouting ip saddr . ip daddr @hairpin masquerade",
        f'add rule {TABLE} postrouting oifname "{egress.LINK}" masquerade',
        f"add rule {TABLE} refuse-forward ct state invalid drop",
    ]
    for chain in ("refuse-forward", "refuse-output"):
        lines += [f"add rule {TABLE} {chain} ip daddr {own} accept" for own in own_addresses]
        lines += [
            f"add rule {TABLE} {chain} ip daddr {service_cidr} goto refuse",
            f"add rule {TABLE} {chain} ip daddr @external goto refuse",
        ]
    return "\n".join(lines) + "\n" + _chains(chains_of(elements)) + _added(elements)


def transaction(changes: Mapping[Element, Change], present: Iterable[str]) -> str:
    """The text of a change; `present` are the drawing chains the table has already."""
    removed = [element for element, (old, _) in changes.items() if old is not None]
    added = added_by(changes)
    return _chains(chains_of(added) - set(present)) + _removed(removed) + _added(added)


def added_by(changes: Mapping[Element, Change]) -> Elements:
    """The elements a change adds or gives another value."""
    return {element: new for element, (_, new) in changes.items() if new is not None}


def chains_of(elements: Elements) -> set[str]:
    """The drawing chains that elements lead to."""
    return {
        verdict.removeprefix("goto ")
        for (name, _), verdict in elements.items()
        if name == "services"
    }


def _kind(name: str) -> str:
    return "set" if name in ("hairpin", "external") else "map"


def _chains(names: Iterable[str]) -> str:
    lines = []
    recalls = set()
    for name in sorted(names):
        lines.append(f"add chain {TABLE} {name}")
        lines.append(f"flush chain {TABLE} {name}")
        if name.startswith("sticky"):
            count, seconds = name.removeprefix("sticky").split("-")
            recalls.add(seconds)
            lines += [f"add rule {TABLE} {name} {rule}" for rule in _sticky(int(count), seconds)]
        else:
            draw = _draw(int(name.removeprefix("spread")))
            lines.append(f"add rule {TABLE} {name} {draw} goto translate")
    before = []
    for seconds in sorted(recalls):
        before += [
            f"add chain {TABLE} recall-{seconds}",
            f"flush chain {TABLE} recall-{seconds}",
            f"add rule {TABLE} recall-{seconds} "
            f"update @sticky {{ {_CLIENT_KEY} timeout {seconds}s : meta mark }}",
            f"add rule {TABLE} recall-{seconds} dnat ip to {_KEY} . meta mark map @slots",
        ]
    return "".join(line + "\n" for line in before + lines)


def _sticky(count: int, seconds: str) -> list[str]:
    """An element's value cannot be changed in passing, so a stale one is deleted first."""
    return [
        "meta mark set 0",
        f"meta mark set {_CLIENT_KEY} map @sticky",
        f"meta mark != 0 jump recall-{seconds}",
        f"delete @sticky {{ {_CLIENT_KEY} : meta mark }}",
        _draw(count),
        f"meta mark set {_KEY} . meta mark map @drawn",
        f"update @sticky {{ {_CLIENT_KEY} timeout {seconds}s : meta mark }}",
        "goto translate",
    ]


def _draw(count: int) -> str:
    return f"meta mark set numgen random mod {count}" if count > 1 else "meta mark set 0"


def _removed(elements: Iterable[Element]) -> str:
    keys: dict[str, list[str]] = {}
    for name, key in elements:
        keys.setdefault(name, []).append(key)
    return "".join(
        f"delete element {TABLE} {name} {{ {', '.join(found)} }}\n" for name, found in keys.items()
    )


def _added(elements: Elements) -> str:
    entries: dict[str, list[str]] = {}
    for (name, key), value in elements.items():
        entries.setdefault(name, []).append(f"{key} : {value}" if value else key)
    return "".join(
        f"add element {TABLE} {name} {{ {', '.join(found)} }}\n" for name, found in entries.items()
    )
