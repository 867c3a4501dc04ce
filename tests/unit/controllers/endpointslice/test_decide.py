from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from grappe.controllers.endpointslice import decide as module
from grappe.controllers.endpointslice.decide import Plan, World, decide

from ..factories import pod

Object = dict[str, Any]


def service(**spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "default", "uid": "uid-web"},
        "spec": {"selector": {"app": "a"}, "ports": [{"port": 80}], **spec},
    }


def addressed(number: int, **kwargs: Any) -> Object:
    ip = f"10.0.{number // 250}.{number % 250 + 1}"
    return pod(f"p{number}", nodeName="n", status={"podIPs": [{"ip": ip}], "podIP": ip}, **kwargs)


def carried_out(slices: list[Object], plan: Plan, made: int) -> list[Object]:
    gone = {s["metadata"]["uid"] for s in (*plan.delete, *plan.update)}
    created = [
        {**s, "metadata": {**s["metadata"], "name": f"s{made}-{n}", "uid": f"s{made}-{n}"}}
        for n, s in enumerate(plan.create)
    ]
    return [*(s for s in slices if s["metadata"]["uid"] not in gone), *plan.update, *created]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sets(st.integers(0, 25), max_size=26), min_size=1, max_size=6))
def test_every_pod_is_in_exactly_one_slice_and_slices_are_few(history: list[set[int]]) -> None:
    original, module.MOST = module.MOST, 10
    try:
        slices: list[Object] = []
        for step, numbers in enumerate(history):
            pods = [addressed(n, ready=bool(n % 2)) for n in sorted(numbers)]
            slices = carried_out(slices, decide(World(service(), pods, slices, {})), step)
            uids = [e["targetRef"]["uid"] for s in slices for e in s["endpoints"]]
            assert sorted(uids) == sorted(p["metadata"]["uid"] for p in pods)
            assert all(len(s["endpoints"]) <= 10 for s in slices)
            assert len(slices) == max(1, -(-len(pods) // 10))
            assert decide(World(service(), pods, slices, {})) == Plan()
    finally:
        module.MOST = original


def test_one_pod_more_touches_one_slice() -> None:
    pods = [addressed(n) for n in range(150)]
    slices = carried_out([], decide(World(service(), pods, [], {})), 0)
    assert [len(s["endpoints"]) for s in slices] == [100, 50]
    plan = decide(World(service(), [*pods, addressed(150)], slices, {}))
    assert (len(plan.create), len(plan.update), len(plan.delete)) == (0, 1, 0)


def test_conditions() -> None:
    pods = [addressed(0, ready=True), addressed(1), addressed(2, ready=True, deleting=True)]
    [made] = decide(World(service(), pods, [], {"n": "z"})).create
    found = [e["conditions"] for e in made["endpoints"]]
    assert [(c["ready"], c["serving"], c["terminating"]) for c in found] == [
        (True, True, False),
        (False, False, False),
        (False, True, True),
    ]
    assert {e["zone"] for e in made["endpoints"]} == {"z"}
    published = service(publishNotReadyAddresses=True)
    [made] = decide(World(published, pods, [], {})).create
    assert all(e["conditions"]["ready"] for e in made["endpoints"])


def test_pods_with_different_numbers_for_a_named_port_are_in_different_slices() -> None:
    one, two = addressed(0), addressed(1)
    one["spec"]["containers"][0]["ports"] = [{"name": "http", "containerPort": 80}]
    two["spec"]["containers"][0]["ports"] = [{"name": "http", "containerPort": 8080}]
    named = service(ports=[{"port": 80, "targetPort": "http"}])
    made = decide(World(named, [one, two, addressed(2)], [], {})).create
    assert sorted(s["ports"][0]["port"] for s in made) == [80, 8080]
    assert sum(len(s["endpoints"]) for s in made) == 2


def test_a_service_without_endpoints_has_an_empty_slice() -> None:
    [made] = decide(World(service(), [], [], {})).create
    assert made["endpoints"] == []
    assert made["ports"] is None
