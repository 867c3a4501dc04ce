from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from grappe.controllers.endpointslicemirroring import Plan, decide

Object = dict[str, Any]


def endpoints(*subsets: Object, **labels: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": "db", "namespace": "default", "uid": "u", "labels": labels},
        "subsets": list(subsets),
    }


def subset(*ips: str, waiting: tuple[str, ...] = (), port: int = 5432) -> Object:
    return {
        "addresses": [{"ip": ip} for ip in ips],
        "notReadyAddresses": [{"ip": ip} for ip in waiting],
        "ports": [{"port": port}],
    }


BARE: Object = {"spec": {}}


def test_addresses_become_endpoints() -> None:
    [made] = decide(endpoints(subset("10.0.0.1", waiting=("10.0.0.2",))), BARE, []).create
    assert [(e["addresses"], e["conditions"]["ready"]) for e in made["endpoints"]] == [
        (["10.0.0.1"], True),
        (["10.0.0.2"], False),
    ]
    assert made["ports"] == [{"name": "", "port": 5432, "protocol": "TCP"}]
    assert made["metadata"]["labels"]["kubernetes.io/service-name"] == "db"


def test_families_are_kept_apart() -> None:
    made = decide(endpoints(subset("10.0.0.1", "fd00::1")), BARE, []).create
    assert sorted(s["addressType"] for s in made) == ["IPv4", "IPv6"]


def test_what_is_not_for_us() -> None:
    subject = endpoints(subset("10.0.0.1"))
    assert not decide(subject, {"spec": {"selector": {"a": "b"}}}, []).create
    assert not decide(subject, None, []).create
    skipped = endpoints(subset("10.0.0.1"), **{"endpointslice.kubernetes.io/skip-mirror": "true"})
    assert not decide(skipped, BARE, []).create


ips = st.lists(st.sampled_from([f"10.0.0.{n}" for n in range(1, 9)]), max_size=4, unique=True)


@given(st.lists(ips, max_size=3), st.lists(ips, max_size=3))
def test_it_follows_every_change_and_then_rests(
    before: list[list[str]], after: list[list[str]]
) -> None:
    slices = [*decide(endpoints(*(subset(*s) for s in before)), BARE, []).create]
    changed = endpoints(*(subset(*s) for s in after))
    plan = decide(changed, BARE, slices)
    kept = [s for s in slices if not any(s is d for d in plan.delete)]
    slices = [*kept, *plan.create]
    shown = sorted(a for s in slices for e in s["endpoints"] for a in e["addresses"])
    assert shown == sorted(ip for s in after for ip in s)
    assert decide(changed, BARE, slices) == Plan()
