import pytest

from grappe.api.errors import ApiError
from grappe.base.clock import ManualClock
from grappe.client.interface import TransportError
from grappe.reconcile.events import Recorder

from .memory_client import MemoryClient

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "shop", "uid": "u1", "resourceVersion": "5"},
}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def client() -> MemoryClient:
    return MemoryClient()


def events(client: MemoryClient) -> list[dict]:
    return [o for (plural, _, _), o in client.objects.items() if plural == "events"]


async def test_an_event_says_who_what_and_about_which_object(client, clock):
    recorder = Recorder(client, "kubelet", "node-1", clock=clock)
    recorder.event(POD, "Warning", "BackOff", "restarting", field_path="spec.containers{app}")
    await recorder.flush()
    [event] = events(client)
    assert event["metadata"]["namespace"] == "shop"
    assert event["metadata"]["name"].startswith("web.")
    assert event["involvedObject"] == {
        "kind": "Pod", "namespace": "shop", "name": "web", "uid": "u1", "apiVersion": "v1",
        "resourceVersion": "5", "fieldPath": "spec.containers{app}",
    }  # fmt: skip
    assert (event["type"], event["reason"], event["message"], event["count"]) == (
        "Warning", "BackOff", "restarting", 1,
    )  # fmt: skip
    assert event["source"] == {"component": "kubelet", "host": "node-1"}
    assert event["firstTimestamp"] == "2023-11-14T22:13:20Z"


async def test_what_has_no_namespace_has_its_events_in_default(client, clock):
    recorder = Recorder(client, "c", clock=clock)
    recorder.event(
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}, "Normal", "A", "a"
    )
    await recorder.flush()
    assert events(client)[0]["metadata"]["namespace"] == "default"


async def test_a_repeated_event_raises_the_count(client, clock):
    recorder = Recorder(client, "c", clock=clock)
    for _ in range(3):
        recorder.event(POD, "Normal", "Pulled", "done")
        clock.advance(1)
    await recorder.flush()
    [event] = events(client)
    assert (event["count"], event["firstTimestamp"], event["lastTimestamp"]) == (
        3, "2023-11-14T22:13:20Z", "2023-11-14T22:13:22Z",
    )  # fmt: skip


async def test_many_similar_events_become_one(client, clock):
    recorder = Recorder(client, "c", clock=clock)
    for number in range(15):
        recorder.event(POD, "Normal", "Scaled", f"to {number}")
    await recorder.flush()
    assert len(events(client)) == 10
    combined = [e for e in events(client) if e["message"].startswith("(combined")]
    assert [(e["message"], e["count"]) for e in combined] == [
        ("(combined from similar events): to 14", 6)
    ]


async def test_a_flood_about_one_object_is_limited_and_others_are_not_harmed(client, clock):
    recorder = Recorder(client, "c", clock=clock)
    for number in range(100):
        recorder.event(POD, "Normal", f"Reason{number}", "m")
    other = {**POD, "metadata": {**POD["metadata"], "name": "other", "uid": "u2"}}
    recorder.event(other, "Normal", "Reason", "m")
    await recorder.flush()
    assert len(events(client)) == 26
    clock.advance(300)
    recorder.event(POD, "Normal", "Late", "m")
    recorder.event(POD, "Normal", "TooMany", "m")
    await recorder.flush()
    assert len(events(client)) == 27


async def test_an_expired_event_is_made_anew(client, clock):
    recorder = Recorder(client, "c", clock=clock)
    recorder.event(POD, "Normal", "A", "a")
    await recorder.flush()
    client.objects.clear()
    recorder.event(POD, "Normal", "A", "a")
    await recorder.flush()
    assert [e["count"] for e in events(client)] == [2]


@pytest.mark.parametrize(
    "failure", [ApiError(403, "Forbidden", "no"), TransportError("gone"), RuntimeError("a bug")]
)
async def test_recording_never_raises(client, clock, failure, caplog):
    client.fail = [failure]
    recorder = Recorder(client, "c", clock=clock)
    recorder.event(POD, "Normal", "A", "a")
    recorder.event(POD, "Normal", "B", "b")
    await recorder.flush()
    assert [e["reason"] for e in events(client)] == ["B"]
