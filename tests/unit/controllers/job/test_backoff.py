import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.controllers.job.backoff import failures, finished_at, retry_at, wait_after

from ..factories import NOW, at, job, pod


def ended(name: str, seconds: float) -> dict[str, object]:
    return {"name": name, "state": {"terminated": {"finishedAt": at(seconds), "exitCode": 1}}}


def test_a_pod_finished_when_its_last_container_did() -> None:
    status = {"containerStatuses": [ended("c", 5), ended("d", 9)]}
    assert finished_at(pod(status=status)) == NOW + 9


def test_a_sidecar_counts_and_other_init_containers_do_not() -> None:
    subject = pod(
        status={
            "containerStatuses": [ended("c", 5)],
            "initContainerStatuses": [ended("init", 8), ended("side", 7)],
        },
        initContainers=[{"name": "init"}, {"name": "side", "restartPolicy": "Always"}],
    )
    assert finished_at(subject) == NOW + 7


def test_while_a_container_has_not_ended_the_loss_of_readiness_tells() -> None:
    unready = {"type": "Ready", "status": "False", "lastTransitionTime": at(3)}
    running = {"name": "d", "state": {"running": {}}}
    status = {"containerStatuses": [ended("c", 5), running], "conditions": [unready]}
    assert finished_at(pod(status=status)) == NOW + 3


def test_without_either_the_deletion_tells_when_it_was_asked_for_then_the_creation() -> None:
    subject = pod(deleting=True, created=-100)
    subject["metadata"]["deletionGracePeriodSeconds"] = 30
    assert finished_at(subject) == NOW - 30
    assert finished_at(pod(created=-100)) == NOW - 100


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 10), (2, 20), (6, 320), (7, 600), (2**31, 600)]
)
def test_waits_double_up_to_ten_minutes(failures: int, seconds: float) -> None:
    assert wait_after(failures) == seconds


_ENDED = st.lists(st.tuples(st.sampled_from(("Failed", "Succeeded")), st.integers(1, 99)))


@given(_ENDED, _ENDED)
def test_what_is_gone_counts_as_if_it_were_there(
    first: list[tuple[str, int]], later: list[tuple[str, int]]
) -> None:
    """Whatever pods go between two looks, the wait is that of all failures since the success."""
    ends = [*first, *((phase, 100 + seconds) for phase, seconds in later)]
    pods = [
        pod(
            f"p{number:03}",
            phase=phase,
            status={"phase": phase, "containerStatuses": [ended("c", at_)]},
        )
        for number, (phase, at_) in enumerate(ends)
    ]
    subject = job()
    seen = failures(subject, pods[: len(first)], {})
    succeeded = [p for p in pods[: len(first)] if p["status"]["phase"] == "Succeeded"]
    found = failures(subject, [*succeeded, *pods[len(first) :]], seen)
    assert retry_at(found) == retry_at(failures(subject, pods, {}))
    last = max((end for phase, end in ends if phase == "Succeeded"), default=0)
    since = [end for phase, end in ends if phase == "Failed" and end > last]
    assert retry_at(found) == (NOW + max(since) + wait_after(len(since)) if since else 0)
