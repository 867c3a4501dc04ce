"""Any history of small changes leaves the kernel with what one whole write would."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grappe.network import netns
from grappe.network.nft import Nft, NftError
from grappe.network.policies import ruleset as policies
from grappe.network.policies.isolation import isolation
from grappe.network.services import ruleset
from grappe.network.services.render import Elements, NodeFacts, service_elements
from grappe.network.services.table import Table
from tests.network_objects import endpoint_slice, service

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft"), reason="needs root and nft"),
]

NODE = NodeFacts("n", "10.95.0.2")
ADDRESSES = [f"10.244.0.{n}" for n in range(2, 7)]


@pytest.fixture(scope="module")
def nft() -> Iterator[Nft]:
    name = f"e2e-nft-{os.getpid()}"
    netns.create(name)
    fd = netns.open_named(name)
    with netns.inside(fd):
        made = Nft()
    yield made
    made.close()
    os.close(fd)
    netns.delete(name)


def held(nft: Nft, table: str) -> dict[str, set[str]]:
    """Set or map → its elements, as the kernel lists them."""
    text = nft.run(f"list table {table}")
    found = {}
    for name, body in re.findall(r"(?:set|map) (\S+) \{(.*?)\n\t\}", text, re.DOTALL):
        elements = re.search(r"elements = \{(.*?)\}", body, re.DOTALL)
        words = elements.group(1).split(",") if elements else []
        found[name] = {" ".join(word.split()) for word in words}
    return found


def whole(elements: Elements) -> str:
    return ruleset.whole(elements, service_cidr="10.96.0.0/16", own_addresses=("10.96.0.10",))


steps = st.lists(
    st.tuples(
        st.integers(1, 3),  # which Service
        st.sets(st.sampled_from(ADDRESSES)),
        st.booleans(),  # with a node port
        st.booleans(),  # sticky
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_services(nft: Nft, history: list[tuple[int, set[str], bool, bool]]) -> None:
    table = Table()
    nft.run(whole({}))
    chains: set[str] = set()
    for number, addresses, node_port, sticky in history:
        name = f"s{number}"
        made = service(name, f"10.96.1.{number}", node_port=30000 + number if node_port else None)
        made["spec"]["sessionAffinity"] = "ClientIP" if sticky else "None"
        part = service_elements(made, [endpoint_slice(name, sorted(addresses))], NODE)
        changes = table.update({name: part})
        if changes:
            nft.run(ruleset.transaction(changes, chains))
            chains |= ruleset.chains_of(ruleset.added_by(changes))
    step_by_step = held(nft, ruleset.TABLE)
    nft.run(whole(table.elements))
    assert step_by_step == held(nft, ruleset.TABLE)
    assert sum(map(len, step_by_step.values())) == len(table.elements)


pods = st.lists(
    st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(["a", "b"]), st.sampled_from("xy")),
    unique_by=lambda pod: pod[0],
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(pods, min_size=1, max_size=6))
def test_policies(nft: Nft, history: list[list[tuple[str, str, str]]]) -> None:
    namespaces = [{"metadata": {"name": name}} for name in "ab"]
    peers = [{"podSelector": {"matchLabels": {"app": "x"}}}, {"namespaceSelector": {}}]
    rule = {"from": peers, "ports": [{"port": "http"}, {"port": 80, "endPort": 90}]}
    policy = {
        "metadata": {"namespace": "a", "name": "p"},
        "spec": {"podSelector": {}, "ingress": [rule]},
    }
    written = None
    for found in history:
        objects = [
            {
                "metadata": {"namespace": namespace, "name": ip, "labels": {"app": app}},
                "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 8080}]}]},
                "status": {"podIP": ip, "phase": "Running"},
            }
            for ip, namespace, app in found
        ]
        wanted = isolation([policy], objects, namespaces)
        text = policies.change(written, wanted) if written is not None else None
        nft.run(policies.whole(wanted, machine=("10.95.0.1",)) if text is None else text)
        written = wanted
    assert written is not None
    step_by_step = held(nft, policies.TABLE)
    nft.run(policies.whole(written, machine=("10.95.0.1",)))
    assert step_by_step == held(nft, policies.TABLE)


def test_a_refused_transaction_changes_nothing_and_says_why(nft: Nft) -> None:
    nft.run(whole({}))
    before = nft.run(f"list table {ruleset.TABLE}")
    seen = nft.disturbances()
    for run in (nft.run, nft.run_apart):
        with pytest.raises(NftError, match=r"syntax error|does not exist|No such"):
            run(
                f"add element {ruleset.TABLE} external {{ 198.51.100.1 }}\n"
                f"add element {ruleset.TABLE} nothing {{ 198.51.100.1 }}\n"
            )
    assert nft.run(f"list table {ruleset.TABLE}") == before
    assert nft.disturbances() == seen


def test_changes_of_others_are_noticed_and_own_ones_are_not(nft: Nft) -> None:
    seen = nft.disturbances()
    nft.run("add table ip e2e-own; delete table ip e2e-own")
    nft.run_apart("add table ip e2e-own; delete table ip e2e-own")
    assert nft.disturbances() == seen
    with netns.inside(nft._home):
        other = Nft()
    other.run("add table ip e2e-other; delete table ip e2e-other")
    other.close()
    assert nft.disturbances() == seen + 1
    assert nft.disturbances() == seen + 1
