"""The cluster's zone: what each name stands for, from Services and EndpointSlices.

https://github.com/kubernetes/dns/blob/master/docs/specification.md. IPv4 only, as the cluster is:
AAAA questions for names that exist get an empty answer.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from grappe.api import Object

SCHEMA_VERSION = "1.1.0"
SVC, POD = "svc", "pod"


class Record(NamedTuple):
    """One resource record. `value` by type: an address for A, a name for CNAME, PTR and NS, text
    for TXT, `priority weight port target` for SRV, nothing for SOA. Names without the last dot."""

    name: str
    type: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """The zone's answer. `exists` tells an empty answer (NODATA) from NXDOMAIN. `alias` is the name
    outside the cluster that the last CNAME among the answers leads to."""

    exists: bool
    answers: list[Record] = field(default_factory=list)
    additional: list[Record] = field(default_factory=list)
    alias: str = ""


_NXDOMAIN = Finding(exists=False)


class Endpoint(NamedTuple):
    """A ready endpoint of a Service: its own name below the Service's, and its ports."""

    label: str
    ip: str
    ports: tuple[tuple[str, str, int], ...]
    """(name, protocol in lower case, number)"""


class Directory(Protocol):
    """Where the zone looks things up; `network.informers` has them."""

    def service(self, namespace: str, name: str) -> Object | None: ...

    def services_in(self, namespace: str) -> Sequence[Object]: ...

    def services_at(self, cluster_ip: str) -> Sequence[Object]: ...

    def slices_of(self, namespace: str, name: str) -> Sequence[Object]: ...

    def slices_at(self, address: str) -> Sequence[Object]: ...


class Zone:
    """Answers for `domain` and for the reverse names of `networks` (pods and services)."""

    def __init__(
        self, directory: Directory, *, domain: str, dns_ip: str, networks: Iterable[str]
    ) -> None:
        self._directory = directory
        self.domain = domain
        self._dns_ip = dns_ip
        self._networks = [ipaddress.IPv4Network(network) for network in networks]

    def authority(self, name: str) -> str | None:
        """The zone that holds a name (in lower case), None when it is not one of ours."""
        if name == self.domain or name.endswith(f".{self.domain}"):
            return self.domain
        address = _reversed(name)
        if address and any(address in network for network in self._networks):
            return "in-addr.arpa"
        return None

    def find(self, name: str, type_: str) -> Finding:
        """Records of one type (`A`, `SRV`, …) for a name of ours in lower case.

        Aliases are followed as long as they stay in the cluster, each once.
        """
        found = self._find(name, type_)
        answers, seen = [*found.answers], {name}
        while found.alias and self.authority(found.alias):
            if found.alias in seen:
                return Finding(True, answers)
            seen.add(found.alias)
            found = self._find(found.alias, type_)
            answers += found.answers
        return Finding(found.exists or bool(answers), answers, found.additional, found.alias)

    def _find(self, name: str, type_: str) -> Finding:
        if name.endswith(".in-addr.arpa"):
            return self._pointers(name, type_)
        labels = name.removesuffix(self.domain).rstrip(".").split(".")
        match [label for label in reversed(labels) if label]:
            case []:
                return self._apex(name, type_)
            case ["dns-version"]:
                return _only(Record(name, "TXT", SCHEMA_VERSION), type_)
            case ["dns"] | ["svc"] | ["pod"]:
                return Finding(exists=True)
            case ["dns", "ns"]:
                return _only(Record(name, "A", self._dns_ip), type_)
            case ["pod", namespace, *rest]:
                return self._pod(name, namespace, rest, type_)
            case ["svc", namespace]:
                return Finding(exists=bool(self._directory.services_in(namespace)))
            case ["svc", namespace, service, *rest]:
                return self._service(name, namespace, service, rest[::-1], type_)
        return _NXDOMAIN

    # -- the domain itself, pods, reverse names ----------------------------------------------
    def _apex(self, name: str, type_: str) -> Finding:
        server = f"ns.dns.{self.domain}"
        if type_ == "NS":
            return Finding(True, [Record(name, "NS", server)], [Record(server, "A", self._dns_ip)])
        return _only(Record(name, "SOA"), type_)

    def _pod(self, name: str, namespace: str, rest: Sequence[str], type_: str) -> Finding:
        """`172-17-0-3.default.pod…` says its own answer; pods are not looked up."""
        if not rest:
            return Finding(exists=bool(self._directory.services_in(namespace)))
        address = rest[0].replace("-", ".")
        if len(rest) > 1 or not _is_address(address):
            return _NXDOMAIN
        return _only(Record(name, "A", address), type_)

    def _pointers(self, name: str, type_: str) -> Finding:
        address = str(_reversed(name))
        targets = [
            _service_name(service, self.domain) for service in self._directory.services_at(address)
        ]
        if not targets:
            targets = sorted(set(self._names_of_endpoint(address)))
        if not targets:
            return _NXDOMAIN
        return Finding(
            True, [Record(name, "PTR", target) for target in targets] if type_ == "PTR" else []
        )

    def _names_of_endpoint(self, address: str) -> Iterator[str]:
        for slice_ in self._directory.slices_at(address):
            meta = slice_["metadata"]
            owner = (meta.get("labels") or {}).get("kubernetes.io/service-name")
            service = self._directory.service(meta.get("namespace", ""), owner) if owner else None
            if service is None or not _is_headless(service):
                continue
            for entry in slice_.get("endpoints") or ():
                if address in entry["addresses"] and entry.get("hostname"):
                    yield f"{entry['hostname'].lower()}.{_service_name(service, self.domain)}"

    # -- services ----------------------------------------------------------------------------
    def _service(
        self, name: str, namespace: str, service_name: str, rest: Sequence[str], type_: str
    ) -> Finding:
        """`rest` is what stands before the Service's name, as written: `[]`, `[hostname]` or
        `[_port, _proto]`."""
        service = self._directory.service(namespace, service_name)
        if service is None:
            return _NXDOMAIN
        spec = service["spec"]
        if spec.get("type") == "ExternalName":
            return self._alias(name, spec.get("externalName", ""), rest, type_)
        own_name = _service_name(service, self.domain)
        if _is_headless(service) or len(rest) == 1:
            found = list(_endpoints(self._directory.slices_of(namespace, service_name)))
            return _of_endpoints(name, own_name, found, rest, type_)
        address = Record(own_name, "A", spec.get("clusterIP", ""))
        ports = [
            (port.get("name") or "", (port.get("protocol") or "TCP").lower(), port["port"])
            for port in spec.get("ports") or ()
        ]
        if not rest:
            if type_ == "A":
                return Finding(True, [address])
            return _srv(name, [(port, own_name) for port in ports], [address], type_)
        wanted = [port for port in ports if _asks_for(rest, port)]
        if not wanted:
            return _NXDOMAIN
        return _srv(name, [(port, own_name) for port in wanted], [address], type_)

    def _alias(self, name: str, target: str, rest: Sequence[str], type_: str) -> Finding:
        target = target.rstrip(".").lower()
        if rest or not target:
            return _NXDOMAIN
        if type_ not in ("A", "AAAA", "CNAME"):
            return Finding(exists=True)
        return Finding(
            True, [Record(name, "CNAME", target)], alias="" if type_ == "CNAME" else target
        )


def _of_endpoints(
    name: str, own_name: str, found: Sequence[Endpoint], rest: Sequence[str], type_: str
) -> Finding:
    if len(rest) == 1:
        found = [endpoint for endpoint in found if endpoint.label == rest[0]]
    if not found or len(rest) > 2:
        return _NXDOMAIN
    if len(rest) < 2 and type_ == "A":
        return Finding(True, [Record(name, "A", ip) for ip in _unique(e.ip for e in found)])
    targets, addresses = [], []
    for endpoint in found:
        target = f"{endpoint.label}.{own_name}"
        ports = [p for p in endpoint.ports if len(rest) < 2 or _asks_for(rest, p)]
        targets += [(port, target) for port in ports]
        if ports:
            addresses.append(Record(target, "A", endpoint.ip))
    if len(rest) == 2 and not targets:
        return _NXDOMAIN
    return _srv(name, targets, addresses, type_)


def _srv(
    name: str,
    targets: Sequence[tuple[tuple[str, str, int], str]],
    addresses: list[Record],
    type_: str,
) -> Finding:
    """SRV records of equal weight, with the addresses of their targets beside them."""
    if type_ != "SRV" or not targets:
        return Finding(exists=True)
    weight = max(1, 100 // len(targets))
    records = [
        Record(name, "SRV", f"0 {weight} {number} {target}") for (_, _, number), target in targets
    ]
    return Finding(True, records, addresses)


def _endpoints(slices: Iterable[Object]) -> Iterator[Endpoint]:
    """Ready ones; one without a hostname is called by its address, as in `10-244-0-7`."""
    for slice_ in slices:
        if slice_.get("addressType") != "IPv4":
            continue
        ports = tuple(
            (port.get("name") or "", (port.get("protocol") or "TCP").lower(), port["port"])
            for port in slice_.get("ports") or ()
            if port.get("port")
        )
        for entry in slice_.get("endpoints") or ():
            if (entry.get("conditions") or {}).get("ready") is False:
                continue
            for ip in entry["addresses"]:
                label = (entry.get("hostname") or ip.replace(".", "-")).lower()
                yield Endpoint(label, ip, ports)


def _asks_for(rest: Sequence[str], port: tuple[str, str, int]) -> bool:
    """Whether `_http._tcp` names the port; one without a name cannot be asked for."""
    name, protocol, _ = port
    return bool(name) and list(rest) == [f"_{name}", f"_{protocol}"]


def _only(record: Record, type_: str) -> Finding:
    """A name with one record: that one, or an empty answer for another type."""
    return Finding(True, [record] if record.type == type_ else [])


def _service_name(service: Object, domain: str) -> str:
    meta = service["metadata"]
    return f"{meta['name']}.{meta['namespace']}.svc.{domain}"


def _is_headless(service: Object) -> bool:
    return bool(service["spec"].get("clusterIP", "") in ("", "None"))


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _reversed(name: str) -> ipaddress.IPv4Address | None:
    """`4.3.2.1.in-addr.arpa` → 1.2.3.4; None for any other name."""
    if not name.endswith(".in-addr.arpa"):
        return None
    text = ".".join(reversed(name.removesuffix(".in-addr.arpa").split(".")))
    return ipaddress.IPv4Address(text) if _is_address(text) else None


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
