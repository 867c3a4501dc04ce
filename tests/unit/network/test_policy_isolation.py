"""What policies mean for pods. Whether packets obey is shown in tests/e2e."""

from __future__ import annotations

from typing import Any

import pytest

from grappe.network.policies import ruleset
from grappe.network.policies.isolation import Isolation, isolation

NAMESPACES = [
    {"metadata": {"name": "a", "labels": {"team": "one"}}},
    {"metadata": {"name": "b", "labels": {"team": "two"}}},
]


def pod(name: str, ip: str, namespace: str = "a", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": namespace, "name": name, "labels": {"app": name}},
        "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 8080}]}], **spec},
        "status": {"podIP": ip, "phase": "Running"},
    }


def policy(name: str = "p", namespace: str = "a", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"podSelector": {}, **spec},
    }


PODS = [pod("web", "10.0.0.1"), pod("db", "10.0.0.2"), pod("other", "10.0.1.1", "b")]


def computed(*policies: dict[str, Any]) -> Isolation:
    return isolation(policies, PODS, NAMESPACES)


def rules(direction: str, *policies: dict[str, Any]) -> list[str]:
    found = computed(*policies)
    return found.chains[found.pods[direction]["10.0.0.1"]]  # type: ignore[index]


@pytest.mark.parametrize(
    ("spec", "ingress", "egress"),
    [
        ({}, True, False),
        ({"egress": [{}]}, True, True),
        ({"policyTypes": ["Egress"]}, False, True),
        ({"policyTypes": ["Ingress"], "egress": [{}]}, True, False),
        ({"policyTypes": ["Ingress", "Egress"]}, True, True),
    ],
    ids=str,
)
def test_a_policy_isolates_in_the_directions_of_its_types(
    spec: dict[str, Any], ingress: bool, egress: bool
) -> None:
    found = computed(policy(**spec))
    assert (set(found.pods["ingress"]) == {"10.0.0.1", "10.0.0.2"}) == ingress
    assert (set(found.pods["egress"]) == {"10.0.0.1", "10.0.0.2"}) == egress
    assert bool(found.pods["ingress"]) == ingress


def test_no_rules_deny_and_an_empty_rule_allows_everything() -> None:
    assert rules("ingress", policy()) == ["drop"]
    assert rules("ingress", policy(ingress=[])) == ["drop"]
    assert rules("ingress", policy(ingress=[{}])) == ["return", "drop"]


def test_pods_under_the_same_policies_share_a_chain() -> None:
    one = policy("one", podSelector={"matchLabels": {"app": "web"}})
    found = computed(policy("all"), one)
    assert found.pods["ingress"]["10.0.0.1"] != found.pods["ingress"]["10.0.0.2"]
    assert len(found.chains) == 2
    assert len(computed(policy("all")).chains) == 1


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ({"podSelector": {}}, ["10.0.0.1", "10.0.0.2"]),
        ({"podSelector": {"matchLabels": {"app": "db"}}}, ["10.0.0.2"]),
        ({"namespaceSelector": {}}, ["10.0.0.1", "10.0.0.2", "10.0.1.1"]),
        ({"namespaceSelector": {"matchLabels": {"team": "two"}}}, ["10.0.1.1"]),
        (
            {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "other"}}},
            ["10.0.1.1"],
        ),
        (
            {
                "namespaceSelector": {"matchLabels": {"team": "two"}},
                "podSelector": {"matchLabels": {"app": "db"}},
            },
            [],
        ),
    ],
    ids=str,
)
def test_peers_are_chosen_by_pod_and_namespace_together(
    peer: dict[str, Any], expected: list[str]
) -> None:
    found = computed(policy(ingress=[{"from": [peer]}]))
    [(name, addresses)] = found.peers.items()
    assert sorted(addresses) == expected
    assert [f"ip saddr @{name} return", "drop"] in found.chains.values()


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"cidr": "10.0.0.0/8"}, ["ip saddr 10.0.0.0/8 return", "drop"]),
        ({"cidr": "0.0.0.0/0"}, ["return", "drop"]),
        (
            {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.1.2.0/24", "10.9.0.0/16"]},
            [
                "ip saddr 10.0.0.0/8 ip saddr != { 10.1.0.0/16, 10.9.0.0/16 } return",
                "drop",
            ],
        ),
        ({"cidr": "fd00::/8"}, ["drop"]),
    ],
    ids=str,
)
def test_address_blocks(block: dict[str, Any], expected: list[str]) -> None:
    assert rules("ingress", policy(ingress=[{"from": [{"ipBlock": block}]}])) == expected


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ({}, "meta l4proto tcp return"),
        ({"protocol": "UDP"}, "meta l4proto udp return"),
        ({"port": 80}, "tcp dport 80 return"),
        ({"port": 80, "endPort": 90}, "tcp dport 80-90 return"),
        ({"port": 53, "protocol": "UDP"}, "udp dport 53 return"),
    ],
    ids=str,
)
def test_ports(port: dict[str, Any], expected: str) -> None:
    assert rules("ingress", policy(ingress=[{"ports": [port]}])) == [expected, "drop"]


@pytest.mark.parametrize(
    "port",
    [{"protocol": "TCP return"}, {"port": 0}, {"port": 70000}, {"port": 80, "endPort": 79}],
    ids=str,
)
def test_a_rule_with_ports_that_are_none_allows_nothing_and_spoils_no_other(
    port: dict[str, Any],
) -> None:
    spoilt = policy(ingress=[{"ports": [port]}, {"ports": [{"port": 80}]}])
    assert rules("ingress", spoilt) == ["tcp dport 80 return", "drop"]
    assert list(computed(spoilt).faults) == ["a/p"]


def test_a_named_port_is_each_pods_own_number() -> None:
    found = computed(policy(ingress=[{"ports": [{"port": "http"}]}]))
    [(name, members)] = found.ports.items()
    assert members == {"10.0.0.1 . 8080", "10.0.0.2 . 8080", "10.0.1.1 . 8080"}
    assert [f"ip daddr . tcp dport @{name} return", "drop"] in found.chains.values()


def test_every_peer_goes_with_every_port() -> None:
    rule = {
        "to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}, {"ipBlock": {"cidr": "192.0.2.0/24"}}],
        "ports": [{"port": 80}, {"port": 81}],
    }
    assert rules("egress", policy(egress=[rule])) == [
        "ip daddr 10.0.0.0/8 tcp dport 80 return",
        "ip daddr 10.0.0.0/8 tcp dport 81 return",
        "ip daddr 192.0.2.0/24 tcp dport 80 return",
        "ip daddr 192.0.2.0/24 tcp dport 81 return",
        "drop",
    ]


def test_pods_of_the_nodes_own_network_and_ended_ones_are_no_concern() -> None:
    ended = pod("ended", "10.0.0.9")
    ended["status"]["phase"] = "Succeeded"
    pods = [pod("host", "10.95.0.2", hostNetwork=True), ended]
    assert isolation([policy()], pods, NAMESPACES).pods["ingress"] == {}


def test_a_pod_that_comes_changes_elements_only() -> None:
    peers = policy(ingress=[{"from": [{"podSelector": {}}]}])
    before = computed(peers)
    after = isolation([peers], [*PODS, pod("new", "10.0.0.3")], NAMESPACES)
    text = ruleset.change(before, after)
    assert text is not None
    assert sorted(line.split("{")[0].split()[-1].split("-")[0] for line in text.splitlines()) == [
        "ingress",
        "peers",
        "self",
    ]
    assert all(line.startswith("add element") for line in text.splitlines())
    assert ruleset.change(after, after) == ""


def test_another_rule_takes_writing_the_whole() -> None:
    assert ruleset.change(computed(policy()), computed(policy(ingress=[{}]))) is None
