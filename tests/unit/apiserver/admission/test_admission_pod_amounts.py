from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.admission.pod_amounts import amounts, pod_amounts

millis = st.integers(1, 4000)


def container(cpu: int | None, **rest: Any) -> dict[str, Any]:
    requests = {} if cpu is None else {"cpu": f"{cpu}m"}
    return {"name": "c", "resources": {"requests": requests, "limits": requests}, **rest}


def cpu(spec: dict[str, Any], side: Any = "requests") -> Decimal:
    return pod_amounts(spec, side).get("cpu", Decimal(0)) * 1000


@given(st.lists(millis, max_size=4), st.lists(millis, max_size=4))
def test_init_containers_run_before_the_others(mains: list[int], inits: list[int]) -> None:
    spec = {
        "containers": [container(m) for m in mains],
        "initContainers": [container(m) for m in inits],
    }
    assert cpu(spec) == max(sum(mains), max(inits, default=0))


@given(st.lists(millis, max_size=3), st.lists(st.tuples(millis, st.booleans()), max_size=5))
def test_sidecars_count_beside_everything_that_runs_later(mains, inits) -> None:
    spec = {
        "containers": [container(m) for m in mains],
        "initContainers": [
            container(m, **({"restartPolicy": "Always"} if sidecar else {})) for m, sidecar in inits
        ],
    }
    running, peak = 0, 0
    for amount, sidecar in inits:
        peak = max(peak, running + amount)
        running += amount if sidecar else 0
    assert cpu(spec) == max(sum(mains) + running, peak)


def test_overhead_is_added_to_requests_but_limits_nothing_that_is_unlimited() -> None:
    spec = {"containers": [container(None)], "overhead": {"cpu": "250m"}}
    assert cpu(spec) == 250
    assert pod_amounts(spec, "limits") == {}


@given(
    st.dictionaries(st.text(max_size=3), st.one_of(st.none(), st.text(max_size=4), st.integers()))
)
def test_what_is_no_quantity_is_left_out(quantities: dict[str, Any]) -> None:
    assert amounts(quantities).keys() <= quantities.keys()


def test_what_is_stated_for_the_pod_counts_instead_of_its_containers() -> None:
    spec = {
        "containers": [container(500), container(None)],
        "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "3"}},
        "overhead": {"cpu": "250m"},
    }
    assert cpu(spec) == 2250
    assert cpu(spec, "limits") == 3250
