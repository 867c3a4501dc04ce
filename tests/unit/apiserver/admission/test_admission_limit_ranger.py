from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.admission.limit_ranger import exceeded, set_defaults


def pod(*resources: dict[str, Any]) -> dict[str, Any]:
    containers = [{"name": f"c{n}", "resources": found} for n, found in enumerate(resources)]
    return {"metadata": {"name": "p"}, "spec": {"containers": containers}}


@pytest.mark.parametrize(
    ("limit", "resources", "told"),
    [
        (
            {"min": {"cpu": "100m"}},
            {},
            ["minimum cpu usage per Container is 100m.  No request is specified"],
        ),
        (
            {"min": {"cpu": "100m"}},
            {"requests": {"cpu": "50m"}},
            ["minimum cpu usage per Container is 100m, but request is 50m"],
        ),
        (
            {"min": {"cpu": "100m"}},
            {"requests": {"cpu": "100m"}, "limits": {"cpu": "90m"}},
            ["minimum cpu usage per Container is 100m, but limit is 90m"],
        ),
        (
            {"max": {"memory": "1Gi"}},
            {},
            ["maximum memory usage per Container is 1Gi.  No limit is specified"],
        ),
        (
            {"max": {"memory": "1Gi"}},
            {"limits": {"memory": "2Gi"}},
            ["maximum memory usage per Container is 1Gi, but limit is 2Gi"],
        ),
        ({"max": {"memory": "1Gi"}}, {"limits": {"memory": "1Gi"}}, []),
        (
            {"maxLimitRequestRatio": {"cpu": "2"}},
            {"requests": {"cpu": "1"}, "limits": {"cpu": "3"}},
            ["cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000"],
        ),
        (
            {"maxLimitRequestRatio": {"cpu": "2"}},
            {"limits": {"cpu": "3"}},
            [
                "cpu max limit to request ratio per Container is 2, but no request is specified "
                "or request is 0"
            ],
        ),
    ],
)
def test_a_container_out_of_bounds_is_told(limit, resources, told) -> None:
    assert list(exceeded(pod(resources), [{"type": "Container", **limit}])) == told


def test_a_pod_is_bounded_as_a_whole() -> None:
    half = {"limits": {"cpu": "600m"}}
    (told,) = exceeded(pod(half, half), [{"type": "Pod", "max": {"cpu": "1"}}])
    assert told == "maximum cpu usage per Pod is 1, but limit is 1200m"


def test_a_claim_is_bounded_by_its_storage() -> None:
    claim = {"spec": {"resources": {"requests": {"storage": "5Gi"}}}}
    items = [{"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}]
    (told,) = exceeded(claim, items)
    assert told == "maximum storage usage per PersistentVolumeClaim is 1Gi, but limit is 5Gi"


def test_defaults_are_filled_in_and_noted() -> None:
    obj = pod({"requests": {"cpu": "1"}}, {})
    item = {"type": "Container", "default": {"memory": "1Gi"}, "defaultRequest": {"cpu": "100m"}}
    set_defaults(obj, [item])
    first, second = obj["spec"]["containers"]
    assert first["resources"] == {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}
    assert second["resources"] == {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}}
    assert obj["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: memory limit for container c0; cpu request for container c1; "
        "memory limit for container c1"
    )


quantities = st.dictionaries(
    st.sampled_from(["cpu", "memory"]), st.sampled_from(["1", "2", "500m"])
)
sides = st.fixed_dictionaries({}, optional={"requests": quantities, "limits": quantities})


@given(st.lists(sides, min_size=1, max_size=3), quantities, quantities)
def test_defaults_never_change_what_is_said_and_settle_at_once(
    resources, default, request_
) -> None:
    obj = pod(*resources)
    before = deepcopy(obj)
    item = {"type": "Container", "default": default, "defaultRequest": request_}
    set_defaults(obj, [item])
    for old, new in zip(before["spec"]["containers"], obj["spec"]["containers"], strict=True):
        for side in ("requests", "limits"):
            was, now = old["resources"].get(side, {}), new["resources"].get(side, {})
            assert was.items() <= now.items()
    settled = deepcopy(obj)
    set_defaults(obj, [item])
    assert obj == settled
