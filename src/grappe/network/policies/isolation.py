"""What the policies of a cluster mean for the pods of this node. Pure.

A pod that a policy of a direction selects is isolated in that direction and reached only as one of
those policies allows. Pods under the same policies share a chain; peers are sets of addresses,
so that a pod that comes or goes changes elements and no rules.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.selectors import label_selector_from_object
from grappe.network.services.endpoints import PROTOCOLS, is_ipv4, is_port

Direction = Literal["ingress", "egress"]
_DIRECTIONS: tuple[Direction, Direction] = ("ingress", "egress")


@dataclass(slots=True)
class Isolation:
    """Everything the table holds.

    `chains` are lists of rules that accept by `return`; `peers` sets of addresses; `ports` sets of
    `address . port` (a named port is another number on each pod); `pods` says for a direction
    which chain an address goes through. `faults` are rules nobody understands, by policy: they
    allow nothing.
    """

    chains: dict[str, list[str]] = field(default_factory=dict)
    peers: dict[str, frozenset[str]] = field(default_factory=dict)
    ports: dict[str, frozenset[str]] = field(default_factory=dict)
    pods: dict[Direction, dict[str, str]] = field(
        default_factory=lambda: {"ingress": {}, "egress": {}}
    )
    faults: dict[str, str] = field(default_factory=dict)


class _Pod(NamedTuple):
    namespace: str
    labels: Mapping[str, str]
    ip: str
    ports: tuple[tuple[str, str, int], ...]
    """(name, protocol, number) of named container ports."""


def isolation(
    policies: Iterable[Object], pods: Iterable[Object], namespaces: Iterable[Object]
) -> Isolation:
    """Compute the whole of it."""
    known = [pod for obj in pods if (pod := _pod(obj)) is not None]
    labels = {n["metadata"]["name"]: n["metadata"].get("labels") or {} for n in namespaces}
    builder = _Builder(known, labels)
    ordered = sorted(policies, key=_name_of)
    for direction in _DIRECTIONS:
        relevant = [policy for policy in ordered if _isolates(policy, direction)]
        for pod in known:
            over = [policy for policy in relevant if _selects(policy, pod)]
            if over:
                builder.isolate(pod, over, direction)
    return builder.result


def _name_of(policy: Object) -> tuple[str, str]:
    return policy["metadata"]["namespace"], policy["metadata"]["name"]


def _isolates(policy: Object, direction: Direction) -> bool:
    """Without `policyTypes` a policy is for ingress, and for egress if it has such rules."""
    spec = policy.get("spec") or {}
    types = spec.get("policyTypes")
    if types:
        return direction.capitalize() in types
    return direction == "ingress" or bool(spec.get("egress"))


def _selects(policy: Object, pod: _Pod) -> bool:
    selector = label_selector_from_object((policy.get("spec") or {}).get("podSelector") or {})
    return policy["metadata"]["namespace"] == pod.namespace and selector.matches(pod.labels)


def _pod(obj: Object) -> _Pod | None:
    """None for pods that policies do not concern: without an address of their own, or ended."""
    spec, status, meta = obj.get("spec") or {}, obj.get("status") or {}, obj["metadata"]
    ip = str(status.get("podIP"))
    if not is_ipv4(ip) or spec.get("hostNetwork") or status.get("phase") in ("Succeeded", "Failed"):
        return None
    ports = tuple(
        (port["name"], port.get("protocol") or "TCP", port["containerPort"])
        for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
        for port in container.get("ports") or ()
        if port.get("name") and is_port(port.get("containerPort"))
    )
    return _Pod(meta["namespace"], meta.get("labels") or {}, ip, ports)


class _Builder:
    def __init__(self, pods: Sequence[_Pod], namespaces: Mapping[str, Mapping[str, str]]) -> None:
        self.result = Isolation()
        self._pods = pods
        self._namespaces = namespaces

    def isolate(self, pod: _Pod, policies: Sequence[Object], direction: Direction) -> None:
        """Send a pod's packets of one direction through the chain of its policies."""
        names = ["/".join(_name_of(policy)) for policy in policies]
        chain = _identifier(direction, *names)
        self.result.pods[direction][pod.ip] = chain
        if chain in self.result.chains:
            return
        rules: list[str] = []
        for policy in policies:
            namespace = policy["metadata"]["namespace"]
            for rule in policy["spec"].get(direction) or ():
                try:
                    rules += self._rules(rule, namespace, direction)
                except (ValueError, ApiError) as error:
                    self.result.faults["/".join(_name_of(policy))] = str(error)
        self.result.chains[chain] = [*dict.fromkeys(rules), "drop"]

    def _rules(self, rule: Object, namespace: str, direction: Direction) -> list[str]:
        """Every peer with every port; none given means all."""
        peers = rule.get("from" if direction == "ingress" else "to") or ()
        sides = [self._peer(peer, namespace, direction) for peer in peers] if peers else [""]
        ports = rule.get("ports") or ()
        doors = [self._port(port) for port in ports] if ports else [""]
        return [
            " ".join(part for part in (side, door, "return") if part)
            for side in sides
            for door in doors
            if side is not None
        ]

    def _peer(self, peer: Object, namespace: str, direction: Direction) -> str | None:
        """The match of a peer; None for one that no IPv4 packet can be."""
        end = "saddr" if direction == "ingress" else "daddr"
        block = peer.get("ipBlock")
        if block:
            return _block(block, end)
        pod_selector = label_selector_from_object(peer.get("podSelector") or {})
        name = _identifier(
            "peers",
            str(peer.get("namespaceSelector"))
            if "namespaceSelector" in peer
            else f"in {namespace}",
            str(peer.get("podSelector")),
        )
        if peer.get("namespaceSelector") is not None:
            selector = label_selector_from_object(peer["namespaceSelector"])
            among = {n for n, labels in self._namespaces.items() if selector.matches(labels)}
        else:
            among = {namespace}
        self.result.peers[name] = frozenset(
            pod.ip
            for pod in self._pods
            if pod.namespace in among and pod_selector.matches(pod.labels)
        )
        return f"ip {end} @{name}"

    def _port(self, port: Object) -> str:
        if (port.get("protocol") or "TCP") not in PROTOCOLS:
            raise ValueError(f"unknown protocol {port['protocol']!r}")
        protocol = (port.get("protocol") or "TCP").lower()
        number = port.get("port")
        if number is None:
            return f"meta l4proto {protocol}"
        if isinstance(number, int):
            last = port.get("endPort") or number
            if not is_port(number) or not is_port(last) or last < number:
                raise ValueError(f"no range of ports: {number!r} to {last!r}")
            numbers = str(number) if last == number else f"{number}-{last}"
            return f"{protocol} dport {numbers}"
        name = _identifier("ports", protocol, number)
        self.result.ports[name] = frozenset(
            f"{pod.ip} . {found}"
            for pod in self._pods
            for port_name, port_protocol, found in pod.ports
            if port_name == number and port_protocol.lower() == protocol
        )
        return f"ip daddr . {protocol} dport @{name}"


def _block(block: Object, end: str) -> str | None:
    network = ipaddress.ip_network(block["cidr"], strict=False)
    if network.version != 4:
        return None
    parts = [f"ip {end} {network}"] if network.prefixlen else []
    excluded = [ipaddress.ip_network(cidr, strict=False) for cidr in block.get("except") or ()]
    outside = sorted(
        str(n)
        for n in ipaddress.collapse_addresses(
            n for n in excluded if isinstance(n, ipaddress.IPv4Network)
        )
    )
    if outside:
        parts.append(f"ip {end} != {{ {', '.join(outside)} }}")
    return " ".join(parts)


def _identifier(kind: str, *of: str) -> str:
    """A name nft takes, the same for the same things."""
    return f"{kind}-{hashlib.sha256(chr(0).join(of).encode()).hexdigest()[:16]}"
