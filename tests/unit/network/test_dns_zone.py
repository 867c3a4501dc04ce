"""Names of the cluster, by the Kubernetes DNS specification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.network.dns.zone import Zone
from tests.network_objects import endpoint_slice, service


class Directory:
    def __init__(self, services: Sequence[dict[str, Any]], slices: Sequence[dict[str, Any]]):
        self._services, self._slices = services, slices

    def service(self, namespace: str, name: str) -> dict[str, Any] | None:
        wanted = {"namespace": namespace, "name": name}
        return next((s for s in self._services if wanted.items() <= s["metadata"].items()), None)

    def services_in(self, namespace: str) -> list[dict[str, Any]]:
        return [s for s in self._services if s["metadata"]["namespace"] == namespace]

    def services_at(self, ip: str) -> list[dict[str, Any]]:
        return [s for s in self._services if s["spec"].get("clusterIP") == ip]

    def slices_of(self, namespace: str, name: str) -> list[dict[str, Any]]:
        return [
            s
            for s in self._slices
            if s["metadata"]["namespace"] == namespace
            and s["metadata"]["labels"]["kubernetes.io/service-name"] == name
        ]

    def slices_at(self, address: str) -> list[dict[str, Any]]:
        return [s for s in self._slices for e in s["endpoints"] if address in e["addresses"]]


def external(name: str, target: str) -> dict[str, Any]:
    made = service(name, "", type="ExternalName", externalName=target)
    del made["spec"]["clusterIP"]
    return made


def zone() -> Zone:
    web = service("web", "10.96.1.1")
    web["spec"]["ports"] = [
        {"name": "http", "port": 80, "protocol": "TCP"},
        {"port": 81, "protocol": "TCP"},
    ]
    pets = endpoint_slice(
        "pets", {"10.244.0.2": {}, "10.244.0.3": {}, "10.244.0.4": {"ready": False}}
    )
    pets["ports"] = [{"name": "http", "port": 8080, "protocol": "TCP"}]
    pets["endpoints"][0]["hostname"] = "Pet-0"
    services = [
        web,
        service("pets", "None"),
        service("empty", "None"),
        external("docs", "Docs.Example.org."),
        external("inside", "web.default.svc.cluster.local"),
        external("ring-a", "ring-b.default.svc.cluster.local"),
        external("ring-b", "ring-a.default.svc.cluster.local"),
        external("onward", "docs.default.svc.cluster.local"),
    ]
    return Zone(
        Directory(services, [pets, endpoint_slice("web", ["10.244.0.9"])]),
        domain="cluster.local",
        dns_ip="10.96.0.10",
        networks=["10.96.0.0/16", "10.244.0.0/16"],
    )


def answers(name: str, type_: str) -> list[str]:
    return [f"{r.type} {r.value}".strip() for r in zone().find(name, type_).answers]


PET_0 = "pet-0.pets.default.svc.cluster.local"
PET_1 = "10-244-0-3.pets.default.svc.cluster.local"
WEB = "web.default.svc.cluster.local"


@pytest.mark.parametrize(
    ("name", "type_", "expected"),
    [
        (WEB, "A", ["A 10.96.1.1"]),
        (f"_http._tcp.{WEB}", "SRV", [f"SRV 0 100 80 {WEB}"]),
        (WEB, "SRV", [f"SRV 0 50 80 {WEB}", f"SRV 0 50 81 {WEB}"]),
        ("1.1.96.10.in-addr.arpa", "PTR", [f"PTR {WEB}"]),
        (f"10-244-0-9.{WEB}", "A", ["A 10.244.0.9"]),
        ("pets.default.svc.cluster.local", "A", ["A 10.244.0.2", "A 10.244.0.3"]),
        (PET_0, "A", ["A 10.244.0.2"]),
        (PET_1, "A", ["A 10.244.0.3"]),
        (
            "_http._tcp.pets.default.svc.cluster.local",
            "SRV",
            [f"SRV 0 50 8080 {PET_0}", f"SRV 0 50 8080 {PET_1}"],
        ),
        ("2.0.244.10.in-addr.arpa", "PTR", [f"PTR {PET_0}"]),
        ("docs.default.svc.cluster.local", "A", ["CNAME docs.example.org"]),
        ("docs.default.svc.cluster.local", "CNAME", ["CNAME docs.example.org"]),
        ("inside.default.svc.cluster.local", "A", [f"CNAME {WEB}", "A 10.96.1.1"]),
        ("172-17-0-3.default.pod.cluster.local", "A", ["A 172.17.0.3"]),
        ("dns-version.cluster.local", "TXT", ["TXT 1.1.0"]),
        ("cluster.local", "SOA", ["SOA"]),
        ("cluster.local", "NS", ["NS ns.dns.cluster.local"]),
        ("ns.dns.cluster.local", "A", ["A 10.96.0.10"]),
    ],
)
def test_a_name_has_the_records_of_the_specification(
    name: str, type_: str, expected: list[str]
) -> None:
    assert answers(name, type_) == expected


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        (WEB, "AAAA"),
        (WEB, "TXT"),
        (f"_http._tcp.{WEB}", "A"),
        ("pets.default.svc.cluster.local", "AAAA"),
        ("svc.cluster.local", "A"),
        ("default.svc.cluster.local", "A"),
        ("default.pod.cluster.local", "A"),
        ("cluster.local", "A"),
        ("1.1.96.10.in-addr.arpa", "A"),
        ("172-17-0-3.default.pod.cluster.local", "AAAA"),
        ("docs.default.svc.cluster.local", "TXT"),
    ],
)
def test_an_existing_name_without_such_a_record_has_an_empty_answer(name: str, type_: str) -> None:
    found = zone().find(name, type_)
    assert (found.exists, found.answers, found.alias) == (True, [], "")


@pytest.mark.parametrize(
    "name",
    [
        "nothing.default.svc.cluster.local",
        "web.other.svc.cluster.local",
        "other.svc.cluster.local",
        "empty.default.svc.cluster.local",
        f"_https._tcp.{WEB}",
        f"_http._udp.{WEB}",
        f"_._tcp.{WEB}",
        f"a.b.c.{WEB}",
        "10-244-0-4.pets.default.svc.cluster.local",
        "pet-9.pets.default.svc.cluster.local",
        "1-2-3.default.pod.cluster.local",
        "a.1-2-3-4.default.pod.cluster.local",
        "x.docs.default.svc.cluster.local",
        "google.com.cluster.local",
        "9.9.96.10.in-addr.arpa",
        "4.0.244.10.in-addr.arpa",
    ],
)
def test_other_names_below_the_clusters_domain_do_not_exist(name: str) -> None:
    for type_ in ("A", "SRV", "PTR"):
        found = zone().find(name, type_)
        assert (found.exists, found.answers) == (False, [])


def test_srv_answers_bring_the_addresses_of_their_targets() -> None:
    found = zone().find("_http._tcp.pets.default.svc.cluster.local", "SRV")
    assert [(r.name, r.value) for r in found.additional] == [
        (PET_0, "10.244.0.2"),
        (PET_1, "10.244.0.3"),
    ]


def test_an_alias_out_of_the_cluster_is_handed_on() -> None:
    assert zone().find("docs.default.svc.cluster.local", "A").alias == "docs.example.org"
    assert zone().find("onward.default.svc.cluster.local", "AAAA").alias == "docs.example.org"
    assert zone().find("docs.default.svc.cluster.local", "CNAME").alias == ""


def test_aliases_in_a_ring_end() -> None:
    found = zone().find("ring-a.default.svc.cluster.local", "A")
    assert found.exists
    assert found.alias == ""
    assert {r.type for r in found.answers} == {"CNAME"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cluster.local", "cluster.local"),
        ("x.cluster.local", "cluster.local"),
        ("mycluster.local", None),
        ("local", None),
        ("example.org", None),
        ("1.0.96.10.in-addr.arpa", "in-addr.arpa"),
        ("1.0.244.10.in-addr.arpa", "in-addr.arpa"),
        ("1.1.168.192.in-addr.arpa", None),
        ("96.10.in-addr.arpa", None),
        ("x.1.0.96.10.in-addr.arpa", None),
        ("", None),
    ],
)
def test_the_zone_knows_which_names_are_its_own(name: str, expected: str | None) -> None:
    assert zone().authority(name) == expected


@given(
    st.lists(st.sampled_from(["web", "default", "svc", "pod", "pets", "_http", "_tcp", "", "é"])),
    st.sampled_from(["A", "AAAA", "SRV", "PTR", "TXT", "CNAME", "SOA", "NS", "ANY"]),
)
def test_every_name_below_the_domain_has_an_answer(labels: list[str], type_: str) -> None:
    found = zone().find(".".join([*labels, "cluster.local"]), type_)
    assert found.exists or not found.answers
    assert all(record.name for record in found.answers)
