from hypothesis import given
from hypothesis import strategies as st

from grappe.scheduler.cache import Cache
from grappe.scheduler.nodes import node_info

from .factories import node_object, pod


def requested(cache: Cache, name: str = "n") -> int:
    return next(n for n in cache.snapshot().nodes if n.name == name).requested.get("cpu", 0)


def cache_with_node() -> Cache:
    cache = Cache()
    cache.set_node(node_info(node_object("n")))
    return cache


def test_an_assumed_pod_counts_until_it_is_forgotten() -> None:
    cache = cache_with_node()
    cache.assume(pod(cpu="1"), "n")
    assert requested(cache) == 1000
    cache.forget("uid-p")
    assert requested(cache) == 0


def test_a_confirmed_pod_is_counted_once_and_not_forgotten() -> None:
    cache = cache_with_node()
    cache.assume(pod(cpu="1"), "n")
    assert not cache.set_pod(pod(cpu="1", nodeName="n"))
    cache.forget("uid-p")
    assert requested(cache) == 1000
    assert cache.set_pod(pod(cpu="2", nodeName="n"))
    assert requested(cache) == 2000


def test_pods_seen_before_their_node_count_once_it_comes() -> None:
    cache = Cache()
    cache.set_pod(pod(cpu="1", nodeName="n"))
    assert cache.snapshot().nodes == ()
    cache.set_node(node_info(node_object("n")))
    assert requested(cache) == 1000
    cache.remove_node("n")
    cache.set_node(node_info(node_object("n")))
    assert requested(cache) == 1000


def test_a_heartbeat_is_no_change() -> None:
    cache = cache_with_node()
    assert not cache.set_node(node_info(node_object("n")))
    assert cache.set_node(node_info(node_object("n", unschedulable=True)))


def test_a_snapshot_does_not_change_afterwards() -> None:
    cache = cache_with_node()
    before = cache.snapshot()
    cache.assume(pod(cpu="1"), "n")
    assert before.nodes[0].requested.get("cpu", 0) == 0


steps = st.lists(
    st.tuples(
        st.sampled_from(["set", "remove", "assume", "forget", "node", "no-node"]),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["n", "m"]),
    ),
    max_size=30,
)


@given(steps)
def test_sums_always_equal_the_pods_held(done: list[tuple[str, str, str]]) -> None:
    cache = Cache()
    expected: dict[str, str] = {}
    assumed: set[str] = set()
    nodes: set[str] = set()
    for step, name, where in done:
        match step:
            case "set":
                cache.set_pod(pod(name, cpu="1", nodeName=where))
                expected[name] = where
                assumed.discard(name)
            case "remove":
                cache.remove_pod(f"uid-{name}")
                expected.pop(name, None)
                assumed.discard(name)
            case "assume" if name not in expected:
                cache.assume(pod(name, cpu="1"), where)
                expected[name] = where
                assumed.add(name)
            case "forget":
                cache.forget(f"uid-{name}")
                if name in assumed:
                    assumed.discard(name)
                    del expected[name]
            case "node":
                cache.set_node(node_info(node_object(where)))
                nodes.add(where)
            case "no-node":
                cache.remove_node(where)
                nodes.discard(where)
    found = {n.name: n for n in cache.snapshot().nodes}
    assert set(found) == nodes
    for name, info in found.items():
        held = {f"uid-{p}" for p, at in expected.items() if at == name}
        assert set(info.pods) == held
        assert info.requested.get("cpu", 0) == 1000 * len(held)
