from typing import Any, ClassVar

import pytest

from grappe.scheduler.filters import Filters, Rejection
from grappe.scheduler.nodes import NodeInfo
from grappe.scheduler.pods import PodInfo

from .factories import node, pod, snapshot


def rejection(subject: PodInfo, *nodes: NodeInfo, **namespaces: dict[str, str]) -> Rejection | None:
    """Of the first node."""
    return Filters.prepare(subject, snapshot(*nodes, **namespaces)).first_rejection(nodes[0])


def reason(subject: PodInfo, *nodes: NodeInfo, **namespaces: dict[str, str]) -> str:
    found = rejection(subject, *nodes, **namespaces)
    return "; ".join(found.reasons) if found else ""


def affinity(kind: str, *terms: dict[str, Any]) -> dict[str, Any]:
    return {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}}


def term(key: str = "kubernetes.io/hostname", **more: Any) -> dict[str, Any]:
    return {"topologyKey": key, "labelSelector": {"matchLabels": {"app": "a"}}, **more}


class TestNodeUnschedulable:
    def test_a_cordoned_node_takes_no_pod(self) -> None:
        assert reason(pod(), node(unschedulable=True)) == "node(s) were unschedulable"

    def test_a_pod_that_tolerates_the_taint_runs_on_a_cordoned_node(self) -> None:
        tolerations = [{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}]
        assert not reason(pod(tolerations=tolerations), node(unschedulable=True))


class TestTaintToleration:
    taint: ClassVar = {"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}

    @pytest.mark.parametrize(
        ("toleration", "fits"),
        [
            ({"operator": "Exists"}, True),
            ({"key": "dedicated", "operator": "Exists"}, True),
            ({"key": "dedicated", "value": "gpu"}, True),
            ({"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}, True),
            ({"key": "dedicated", "value": "cpu"}, False),
            ({"key": "dedicated", "value": "gpu", "effect": "NoExecute"}, False),
            ({"key": "other", "operator": "Exists"}, False),
        ],
    )
    def test_toleration(self, toleration: dict[str, str], fits: bool) -> None:
        found = reason(pod(tolerations=[toleration]), node(taints=[self.taint]))
        assert found == ("" if fits else "node(s) had untolerated taint(s)")

    def test_prefer_no_schedule_rejects_nobody(self) -> None:
        assert not reason(pod(), node(taints=[{**self.taint, "effect": "PreferNoSchedule"}]))

    @pytest.mark.parametrize(("operator", "fits"), [("Gt", True), ("Lt", False)])
    def test_numeric_operators(self, operator: str, fits: bool) -> None:
        toleration = {"key": "sla", "operator": operator, "value": "900"}
        taint = {"key": "sla", "value": "950", "effect": "NoSchedule"}
        assert bool(reason(pod(tolerations=[toleration]), node(taints=[taint]))) is not fits


class TestNodeAffinity:
    @pytest.mark.parametrize(
        ("requirement", "fits"),
        [
            ({"key": "disk", "operator": "In", "values": ["ssd", "nvme"]}, True),
            ({"key": "disk", "operator": "NotIn", "values": ["ssd"]}, False),
            ({"key": "tape", "operator": "NotIn", "values": ["lto"]}, True),
            ({"key": "disk", "operator": "Exists"}, True),
            ({"key": "disk", "operator": "DoesNotExist"}, False),
            ({"key": "cores", "operator": "Gt", "values": ["7"]}, True),
            ({"key": "cores", "operator": "Lt", "values": ["8"]}, False),
            ({"key": "disk", "operator": "Gt", "values": ["1"]}, False),
        ],
    )
    def test_operators(self, requirement: dict[str, Any], fits: bool) -> None:
        terms = {"nodeSelectorTerms": [{"matchExpressions": [requirement]}]}
        subject = pod(
            affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
        )
        found = reason(subject, node(labels={"disk": "ssd", "cores": "8"}))
        assert found == ("" if fits else "node(s) didn't match Pod's node affinity/selector")

    def test_node_selector_and_terms_must_both_match(self) -> None:
        assert not reason(pod(nodeSelector={"disk": "ssd"}), node(labels={"disk": "ssd"}))
        assert reason(pod(nodeSelector={"disk": "ssd"}), node())

    def test_match_fields_names_the_node(self) -> None:
        field = {"key": "metadata.name", "operator": "In", "values": ["b"]}
        required = {"nodeSelectorTerms": [{"matchFields": [field]}]}
        subject = pod(
            affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
        )
        assert reason(subject, node("a"))
        assert not reason(subject, node("b"))


class TestNodeResourcesFit:
    def test_what_is_taken_counts(self) -> None:
        full = node(cpu="2", holding=[pod("x", cpu="1500m")])
        assert rejection(pod(cpu="600m"), full) == (("Insufficient cpu",), False)
        assert rejection(pod(cpu="500m"), full) is None

    def test_more_than_the_node_has_can_never_be_helped(self) -> None:
        assert rejection(pod(cpu="5"), node(cpu="4")) == (("Insufficient cpu",), True)

    def test_every_lack_is_named(self) -> None:
        full = node(cpu="1", memory="1Gi", pods="1", holding=[pod("x", cpu="1", memory="1Gi")])
        found = rejection(pod(cpu="1", memory="1"), full)
        assert found == (("Too many pods", "Insufficient cpu", "Insufficient memory"), False)

    def test_a_pod_that_asks_for_nothing_fits_a_full_node(self) -> None:
        assert rejection(pod(), node(cpu="1", holding=[pod("x", cpu="1")])) is None


class TestNodePorts:
    def test_a_taken_host_port(self) -> None:
        taken = node(holding=[pod("x", host_port=80)])
        assert reason(pod(host_port=80), taken) == (
            "node(s) didn't have free ports for the requested pod ports"
        )
        assert not reason(pod(host_port=81), taken)


class TestInterPodAffinity:
    def test_anti_affinity_keeps_two_of_a_kind_apart(self) -> None:
        mine = pod(labels={"app": "a"}, **affinity("podAntiAffinity", term()))
        there = node(holding=[pod("x", labels={"app": "a"})])
        assert reason(mine, there) == "node(s) didn't match pod anti-affinity rules"
        assert not reason(mine, node("empty"), there)

    def test_anti_affinity_of_a_placed_pod_counts_for_the_new_one(self) -> None:
        grumpy = pod("x", **affinity("podAntiAffinity", term()))
        found = reason(pod(labels={"app": "a"}), node(holding=[grumpy]))
        assert found == "node(s) didn't satisfy existing pods anti-affinity rules"
        assert not reason(pod(labels={"app": "b"}), node(holding=[grumpy]))

    def test_affinity_needs_company_in_the_same_domain(self) -> None:
        mine = pod(**affinity("podAffinity", term("zone")))
        friend = pod("x", labels={"app": "a"})
        far = node("far", labels={"zone": "2"}, holding=[friend])
        assert reason(mine, node(labels={"zone": "1"}), far) == (
            "node(s) didn't match pod affinity rules"
        )
        assert not reason(mine, node(labels={"zone": "2"}), far)

    def test_the_first_of_a_group_may_go_anywhere_that_has_the_key(self) -> None:
        mine = pod(labels={"app": "a"}, **affinity("podAffinity", term("zone")))
        assert not reason(mine, node(labels={"zone": "1"}))
        assert reason(mine, node())

    def test_terms_are_about_the_pods_own_namespace_unless_they_say_otherwise(self) -> None:
        other = pod("x", namespace="other", labels={"app": "a"})
        holding = node(holding=[other])
        own = affinity("podAntiAffinity", term())
        named = affinity("podAntiAffinity", term(namespaces=["other"]))
        chosen = affinity("podAntiAffinity", term(namespaceSelector={"matchLabels": {"t": "1"}}))
        assert not reason(pod(**own), holding)
        assert reason(pod(**named), holding)
        assert reason(pod(**chosen), holding, other={"t": "1"})
        assert not reason(pod(**chosen), holding, other={"t": "2"})


class TestPodTopologySpread:
    def constraint(self, **more: Any) -> dict[str, Any]:
        return {
            "topologyKey": "zone",
            "maxSkew": 1,
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": "a"}},
            **more,
        }

    def test_skew(self) -> None:
        mine = pod(labels={"app": "a"}, topologySpreadConstraints=[self.constraint()])
        one = node("one", labels={"zone": "1"}, holding=[pod("x", labels={"app": "a"})])
        two = node("two", labels={"zone": "2"})
        assert reason(mine, one, two) == "node(s) didn't match pod topology spread constraints"
        assert not reason(mine, two, one)

    def test_a_node_without_the_key(self) -> None:
        mine = pod(labels={"app": "a"}, topologySpreadConstraints=[self.constraint()])
        assert reason(mine, node(), node("z", labels={"zone": "1"})) == (
            "node(s) didn't match pod topology spread constraints (missing required label)"
        )

    def test_min_domains_counts_missing_domains_as_empty(self) -> None:
        spread = [self.constraint(minDomains=2)]
        mine = pod(labels={"app": "a"}, topologySpreadConstraints=spread)
        one = node("one", labels={"zone": "1"}, holding=[pod("x", labels={"app": "a"})])
        assert reason(mine, one)

    def test_nodes_the_pod_cannot_use_do_not_count(self) -> None:
        mine = pod(
            labels={"app": "a"},
            topologySpreadConstraints=[self.constraint()],
            nodeSelector={"use": "yes"},
        )
        held = [pod("x", labels={"app": "a"})]
        one = node("one", labels={"zone": "1", "use": "yes"}, holding=held)
        empty = node("two", labels={"zone": "2"})
        assert not reason(mine, one, empty)
