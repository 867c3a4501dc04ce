import pytest

from grappe.api import Object
from grappe.apiserver.flowcontrol.keeping import put_right, unwanted
from grappe.apiserver.flowcontrol.objects import AUTO_UPDATE, flow_objects

EVERY = {(obj["kind"], obj["metadata"]["name"]): obj for obj in flow_objects()}
SYSTEM = EVERY["PriorityLevelConfiguration", "system"]
CATCH_ALL = EVERY["PriorityLevelConfiguration", "catch-all"]
EXEMPT = EVERY["PriorityLevelConfiguration", "exempt"]
SPEC = {"type": "Limited", "limited": {"nominalConcurrencyShares": 1}}


def changed(obj: Object, said: str | None, generation: int = 2) -> Object:
    notes = {} if said is None else {AUTO_UPDATE: said}
    metadata = {**obj["metadata"], "generation": generation, "annotations": notes}
    return {**obj, "metadata": metadata, "spec": SPEC}


def noted(obj: Object | None) -> str:
    assert obj is not None
    return str(obj["metadata"]["annotations"][AUTO_UPDATE])


@pytest.mark.parametrize("obj", EVERY.values(), ids=lambda o: o["metadata"]["name"])
def test_what_is_as_it_was_made_is_right(obj: Object) -> None:
    assert put_right(obj, obj) is None


@pytest.mark.parametrize(("said", "generation"), [("true", 2), ("T", 2), (None, 1), ("maybe", 1)])
def test_what_nobody_took_over_is_put_right(said: str | None, generation: int) -> None:
    found = put_right(changed(SYSTEM, said, generation), SYSTEM)
    assert found is not None
    assert found["spec"] == SYSTEM["spec"]
    assert noted(found) == (said if said == "T" else "true")


def test_what_somebody_took_over_is_left() -> None:
    assert put_right(changed(SYSTEM, "false"), SYSTEM) is None


def test_what_was_changed_without_a_word_is_theirs_from_then_on() -> None:
    found = put_right(changed(SYSTEM, None, generation=2), SYSTEM)
    assert found is not None
    assert found["spec"] == SPEC
    assert noted(found) == "false"


def test_nobody_takes_over_a_mandatory_one_but_for_the_seats_of_exempt() -> None:
    found = put_right(changed(CATCH_ALL, "false"), CATCH_ALL)
    assert found is not None
    assert found["spec"] == CATCH_ALL["spec"]
    assert noted(found) == "true"
    seats = {"type": "Exempt", "exempt": {"nominalConcurrencyShares": 9, "lendablePercent": 50}}
    assert put_right({**EXEMPT, "spec": seats}, EXEMPT) is None


def test_what_an_earlier_version_made_goes() -> None:
    old = {"metadata": {"name": "endpoint-controller", "annotations": {AUTO_UPDATE: "true"}}}
    mine = {"metadata": {"name": "mine"}}
    taken = {"metadata": {"name": "taken", "annotations": {AUTO_UPDATE: "false"}}}
    here = EVERY["FlowSchema", "probes"]
    assert list(unwanted([old, mine, taken, here], "FlowSchema")) == ["endpoint-controller"]


def test_the_default_objects_are_those_of_kubernetes() -> None:
    """By name, level, precedence and how flows are told apart, or by shares, per cent and queues:
    those of Kubernetes 1.36."""
    schemas, levels = set(), set()
    for (kind, name), obj in EVERY.items():
        spec = obj["spec"]
        if kind == "FlowSchema":
            method = (spec.get("distinguisherMethod") or {}).get("type", "")
            level = spec["priorityLevelConfiguration"]["name"]
            schemas.add((name, level, spec["matchingPrecedence"], method))
        else:
            limits = spec.get("limited") or spec["exempt"]
            queuing = (limits.get("limitResponse") or {}).get("queuing") or {}
            shares = limits["nominalConcurrencyShares"], limits["lendablePercent"]
            levels.add((name, *shares, queuing.get("queues", 0), queuing.get("handSize", 0)))
    assert schemas == {
        ("exempt", "exempt", 1, ""),
        ("probes", "exempt", 2, ""),
        ("system-leader-election", "leader-election", 100, "ByUser"),
        ("system-node-high", "node-high", 400, "ByUser"),
        ("system-nodes", "system", 500, "ByUser"),
        ("kube-controller-manager", "workload-high", 800, "ByNamespace"),
        ("kube-scheduler", "workload-high", 800, "ByNamespace"),
        ("kube-system-service-accounts", "workload-high", 900, "ByNamespace"),
        ("service-accounts", "workload-low", 9000, "ByUser"),
        ("global-default", "global-default", 9900, "ByUser"),
        ("catch-all", "catch-all", 10000, "ByUser"),
    }
    assert levels == {
        ("exempt", 0, 0, 0, 0),
        ("catch-all", 5, 0, 0, 0),
        ("system", 30, 33, 64, 6),
        ("node-high", 40, 25, 64, 6),
        ("leader-election", 10, 0, 16, 4),
        ("workload-high", 40, 50, 128, 6),
        ("workload-low", 100, 90, 128, 6),
        ("global-default", 20, 50, 128, 6),
    }
