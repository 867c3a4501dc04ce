"""The garbage collector on random graphs: what should go goes, what should stay stays, and it
always comes to rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from grappe.api.resources import CONFIG_MAPS
from grappe.controllers.garbagecollector.decide import (
    Delete,
    DropOwners,
    Fate,
    Nothing,
    Release,
    SetFree,
    Unblock,
    Visit,
    decide,
)
from grappe.controllers.garbagecollector.graph import Graph, Node, Owner, node_of

Object = dict[str, Any]


def node(uid: str, *owners: tuple[str, bool], **state: bool) -> Node:
    references = tuple(Owner(o, "v1", "ConfigMap", o, blocks) for o, blocks in owners)
    known = {"deleting": False, "foreground": False, "orphaning": False, **state}
    return Node(uid, CONFIG_MAPS, "default", uid, references, **known)


class Cluster:
    """Objects by uid and a collector that visits them one after another."""

    def __init__(self, nodes: dict[str, Node]) -> None:
        self.nodes = nodes

    def dependents(self, uid: str) -> list[Node]:
        return [n for n in self.nodes.values() if any(o.uid == uid for o in n.owners)]

    def delete(self, uid: str, how: str) -> None:
        found = self.nodes[uid]
        if found.foreground or found.orphaning:
            return
        if how == "Background":
            del self.nodes[uid]
        else:
            self.nodes[uid] = replace(
                found, deleting=True, foreground=how == "Foreground", orphaning=how == "Orphan"
            )

    def fate(self, uid: str) -> Fate:
        owner = self.nodes.get(uid)
        if owner is None:
            return "absent"
        return "waiting" if owner.foreground else "solid"

    def visit(self, uid: str) -> None:
        """Work on one object."""
        subject = self.nodes[uid]
        fates = {o.uid: self.fate(o.uid) for o in subject.owners}
        match decide(subject, fates, self.dependents(uid)):
            case Delete(how):
                self.delete(uid, how)
            case DropOwners(uids):
                kept = tuple(o for o in subject.owners if o.uid not in uids)
                self.nodes[uid] = replace(subject, owners=kept)
            case Unblock():
                freed = tuple(replace(o, blocking=False) for o in subject.owners)
                self.nodes[uid] = replace(subject, owners=freed)
                self.delete(uid, "Foreground")
            case Release():
                del self.nodes[uid]
            case SetFree(uids):
                for dependent in uids:
                    found = self.nodes[dependent]
                    kept = tuple(o for o in found.owners if o.uid != uid)
                    self.nodes[dependent] = replace(found, owners=kept)
                del self.nodes[uid]
            case Visit() | Nothing():
                pass

    def settle(self) -> None:
        for _ in range(200):
            before = dict(self.nodes)
            for uid in before:
                if uid in self.nodes:
                    self.visit(uid)
            if before == self.nodes:
                return
        raise AssertionError("does not come to rest")


graphs = st.lists(
    st.lists(st.tuples(st.integers(0, 7), st.booleans()), max_size=2), min_size=1, max_size=8
)


def build(edges: list[list[tuple[int, bool]]]) -> Cluster:
    """Object i is owned by the earlier objects named: no cycles."""
    nodes = {}
    for number, owners in enumerate(edges):
        known = {f"n{o}": b for o, b in owners if o < number}
        nodes[f"n{number}"] = node(f"n{number}", *known.items())
    return Cluster(nodes)


def doomed(cluster: Cluster, root: str) -> set[str]:
    """Those that lose their last owner when `root` goes."""
    gone = {root}
    while True:
        more = {
            n.uid
            for n in cluster.nodes.values()
            if n.owners and n.uid not in gone and all(o.uid in gone for o in n.owners)
        }
        if not more:
            return gone
        gone |= more


@settings(max_examples=300, deadline=None)
@given(graphs, st.integers(0, 7), st.sampled_from(["Background", "Foreground"]))
def test_what_has_lost_every_owner_goes_and_nothing_else(
    edges: list[list[tuple[int, bool]]], which: int, how: str
) -> None:
    cluster = build(edges)
    root = f"n{which % len(edges)}"
    everything = set(cluster.nodes)
    gone = doomed(cluster, root)
    cluster.delete(root, how)
    cluster.settle()
    assert set(cluster.nodes) == everything - gone
    for left in cluster.nodes.values():
        assert not any(o.uid in gone for o in left.owners)


@given(graphs, st.integers(0, 7))
def test_orphaning_takes_one_object_and_its_references(
    edges: list[list[tuple[int, bool]]], which: int
) -> None:
    cluster = build(edges)
    root = f"n{which % len(edges)}"
    everything = set(cluster.nodes)
    cluster.delete(root, "Orphan")
    cluster.settle()
    assert set(cluster.nodes) == everything - {root}


def test_two_that_block_each_other_both_go() -> None:
    cluster = Cluster({"a": node("a", ("b", True)), "b": node("b", ("a", True))})
    cluster.delete("a", "Foreground")
    cluster.settle()
    assert not cluster.nodes


def test_an_owner_waits_only_for_those_that_block_it() -> None:
    waiting = node("a", deleting=True, foreground=True)
    assert decide(waiting, {}, [node("b", ("a", True))]) == Visit(frozenset({"b"}))
    assert isinstance(decide(waiting, {}, [node("b", ("a", False))]), Release)


objects = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d"]),
        st.lists(st.sampled_from(["a", "b", "c", "x"]), max_size=2, unique=True),
        st.booleans(),
    ),
    max_size=30,
)


@given(objects)
def test_the_graph_is_what_the_objects_say(changes: list[tuple[str, list[str], bool]]) -> None:
    graph = Graph()
    expected: dict[str, list[str]] = {}
    for uid, owners, gone in changes:
        if gone:
            graph.remove(uid)
            expected.pop(uid, None)
            continue
        references = [{"uid": o, "apiVersion": "v1", "kind": "K", "name": o} for o in owners]
        meta: Object = {"uid": uid, "name": uid, "ownerReferences": references}
        graph.set(node_of(CONFIG_MAPS, {"metadata": meta}))
        expected[uid] = owners
    for owner in ("a", "b", "c", "x"):
        found = {n.uid for n in graph.dependents(owner)}
        assert found == {uid for uid, owners in expected.items() if owner in owners}
    assert len(graph) == sum(bool(owners) for owners in expected.values())
