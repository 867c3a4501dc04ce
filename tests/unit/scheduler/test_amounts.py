import pytest

from grappe.scheduler.amounts import UNSTATED_CPU, UNSTATED_MEMORY, amounts, pod_requests


def _c(cpu: str = "", **more: object) -> dict[str, object]:
    return {"name": "c", "resources": {"requests": {"cpu": cpu}} if cpu else {}, **more}


def test_cpu_is_counted_in_thousandths_and_the_rest_in_units_rounded_up() -> None:
    assert amounts({"cpu": "1.5", "memory": "1Ki", "pods": "110"}) == {
        "cpu": 1500,
        "memory": 1024,
        "pods": 110,
    }
    assert amounts({"cpu": "100u", "memory": "1500m"}) == {"cpu": 1, "memory": 2}


@pytest.mark.parametrize(
    ("spec", "cpu"),
    [
        ({"containers": [_c("1"), _c("2")]}, 3000),
        ({"containers": [_c("1")], "initContainers": [_c("5")]}, 5000),
        ({"containers": [_c("4")], "initContainers": [_c("3"), _c("2")]}, 4000),
        ({"containers": [_c("1")], "initContainers": [_c("1", restartPolicy="Always")]}, 2000),
        (
            {
                "containers": [_c("1")],
                "initContainers": [_c("1", restartPolicy="Always"), _c("3")],
            },
            4000,
        ),
        ({"containers": [_c("1")], "overhead": {"cpu": "250m"}}, 1250),
        ({"containers": [_c("1")], "resources": {"requests": {"cpu": "3"}}}, 3000),
        ({"containers": [_c()]}, 0),
    ],
    ids=[
        "containers add up",
        "init container above",
        "init containers below",
        "sidecar adds",
        "sidecar beside a later init container",
        "overhead",
        "stated for the pod",
        "nothing stated",
    ],
)
def test_a_pod_occupies_what_runs_at_once_at_most(spec: dict[str, object], cpu: int) -> None:
    assert pod_requests(spec)[0].get("cpu", 0) == cpu


def test_a_container_that_states_nothing_is_scored_as_if_it_used_a_little() -> None:
    requests, scored = pod_requests({"containers": [_c(), _c("1")]})
    assert requests == {"cpu": 1000}
    assert scored == (1000 + UNSTATED_CPU, 2 * UNSTATED_MEMORY)
