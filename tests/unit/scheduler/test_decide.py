from hypothesis import given
from hypothesis import strategies as st

from grappe.api.pod_resources import add_to
from grappe.scheduler.decide import Placement, Rejected, decide, nodes_to_find
from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pods import PodInfo

from .factories import node, pod, snapshot


def placed(subject: PodInfo, *nodes: NodeInfo) -> str:
    outcome = decide(subject, snapshot(*nodes))
    assert isinstance(outcome, Placement)
    return outcome.node


def message(subject: PodInfo, *nodes: NodeInfo) -> str:
    outcome = decide(subject, snapshot(*nodes))
    assert isinstance(outcome, Rejected)
    return outcome.message


def test_the_emptier_node_wins() -> None:
    busy = node("busy", holding=[pod("x", cpu="2", memory="4Gi")])
    assert placed(pod(cpu="1", memory="1Gi"), busy, node("idle")) == "idle"


def test_replicas_are_spread_over_hosts() -> None:
    one = node("one", holding=[pod("x", owner="rs")])
    two = node("two", holding=[pod("y", owner="other")])
    assert placed(pod(owner="rs"), one, two) == "two"


def test_preferred_node_affinity_outweighs_a_little_load() -> None:
    preferred = {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {
                "weight": 10,
                "preference": {
                    "matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]
                },
            }
        ]
    }
    ssd = node("ssd", labels={"disk": "ssd"}, holding=[pod("x", cpu="1")])
    assert placed(pod(affinity={"nodeAffinity": preferred}), ssd, node("idle")) == "ssd"


def test_a_prefer_no_schedule_taint_is_avoided() -> None:
    tainted = node("tainted", taints=[{"key": "k", "effect": "PreferNoSchedule"}])
    assert placed(pod(), tainted, node("clean", holding=[pod("x", cpu="1")])) == "clean"


def test_preferred_pod_affinity_pulls_and_anti_affinity_pushes() -> None:
    wish = {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {
                "weight": 100,
                "podAffinityTerm": {
                    "topologyKey": "kubernetes.io/hostname",
                    "labelSelector": {"matchLabels": {"app": "a"}},
                },
            }
        ]
    }
    friend = node("friend", holding=[pod("x", labels={"app": "a"})])
    assert placed(pod(affinity={"podAffinity": wish}), friend, node("idle")) == "friend"
    assert placed(pod(affinity={"podAntiAffinity": wish}), friend, node("idle")) == "idle"


def test_the_reasons_of_all_nodes_are_counted_in_one_message() -> None:
    found = message(
        pod(cpu="8"),
        node("a"),
        node("b"),
        node("c", unschedulable=True),
    )
    assert found == ("0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.")


def test_no_nodes_at_all() -> None:
    assert message(pod()) == "no nodes available to schedule pods"


def test_large_clusters_are_sampled() -> None:
    assert [nodes_to_find(n) for n in (1, 100, 150, 1000, 10_000)] == [1, 100, 100, 420, 500]


cpus = st.sampled_from(["", "100m", "500m", "1", "3"])
pods = st.builds(
    lambda number, cpu, labelled, selective: pod(
        f"p{number}",
        cpu=cpu,
        labels={"app": "a"} if labelled else {},
        nodeSelector={"zone": "1"} if selective else {},
    ),
    st.integers(0, 10_000),
    cpus,
    st.booleans(),
    st.booleans(),
)


@st.composite
def clusters(draw: st.DrawFn) -> Snapshot:
    nodes = []
    for number in range(draw(st.integers(0, 6))):
        held = [
            pod(f"h{number}-{i}", cpu=cpu) for i, cpu in enumerate(draw(st.lists(cpus, max_size=3)))
        ]
        nodes.append(
            node(
                f"n{number}",
                cpu=draw(st.sampled_from(["1", "2", "4"])),
                pods=draw(st.sampled_from(["1", "3", "110"])),
                labels={"zone": draw(st.sampled_from(["1", "2"]))},
                unschedulable=draw(st.booleans()),
                holding=held,
            )
        )
    return Snapshot(tuple(nodes))


@given(pods, clusters())
def test_a_placement_never_overcommits_and_is_always_the_same(
    subject: PodInfo, found: Snapshot
) -> None:
    outcome = decide(subject, found)
    assert decide(subject, found) == outcome
    if isinstance(outcome, Placement):
        chosen = next(n for n in found.nodes if n.name == outcome.node)
        total = dict(chosen.requested)
        add_to(total, subject.requests)
        for name in subject.requests:
            assert total[name] <= chosen.allocatable[name]
        assert len(chosen.pods) < chosen.allocatable["pods"]
        assert not chosen.unschedulable
        assert all(chosen.labels.get(k) == v for k, v in subject.node_selector.items())
    else:
        assert set(outcome.nodes) == {n.name for n in found.nodes}


@given(st.lists(cpus, max_size=12), clusters())
def test_placing_one_after_another_never_overcommits(wanted: list[str], found: Snapshot) -> None:
    for number, cpu in enumerate(wanted):
        subject = pod(f"new{number}", cpu=cpu)
        outcome = decide(subject, found)
        if isinstance(outcome, Placement):
            chosen = next(n for n in found.nodes if n.name == outcome.node)
            before = chosen.requested.get("cpu", 0)
            found = found.replacing(chosen.with_pod(subject))
            if subject.requests:
                assert before + subject.requests["cpu"] <= chosen.allocatable["cpu"]
