"""Lists in chunks, watches that go on, and the lives of events in both groups."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.conformance.conftest import Api

MAPS = "/api/v1/namespaces/default/configmaps"
TEMPLATES = "/api/v1/namespaces/default/podtemplates"
EVENTS = {
    "v1": ("/api/v1/namespaces/default/events", "/api/v1/events", "message"),
    "events.k8s.io/v1": (
        "/apis/events.k8s.io/v1/namespaces/default/events",
        "/apis/events.k8s.io/v1/events",
        "note",
    ),
}


def config_map(name: str, label: str = "a", **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"watch": label}}, "data": data}


async def test_a_list_in_chunks_is_of_one_revision(api: Api) -> None:
    template = {"spec": {"containers": [{"name": "c", "image": "i:1"}]}}
    for number in range(40):
        name = {"name": f"t-{number:03}"}
        await api.ok("POST", TEMPLATES, {"metadata": name, "template": template})
    found: list[str] = []
    token, revision = "", ""
    while True:
        query = {"continue": token} if token else {}
        page = await api.ok("GET", TEMPLATES, limit="17", **query)
        assert len(page["items"]) <= 17
        found += [item["metadata"]["name"] for item in page["items"]]
        meta = page["metadata"]
        revision = revision or meta["resourceVersion"]
        assert meta["resourceVersion"] == revision
        assert meta.get("remainingItemCount", 0) == 40 - len(found)
        token = meta.get("continue", "")
        if not token:
            break
        await api.merge(f"{TEMPLATES}/t-039", {"metadata": {"annotations": {"n": str(len(found))}}})
    assert found == [f"t-{number:03}" for number in range(40)]
    assert len((await api.ok("GET", TEMPLATES))["items"]) == 40


async def test_a_watch_hears_what_its_selector_says(api: Api) -> None:
    start = (await api.ok("GET", MAPS))["metadata"]["resourceVersion"]
    await api.ok("POST", MAPS, config_map("x", "a"))
    await api.ok("POST", MAPS, config_map("y", "b"))
    await api.merge(f"{MAPS}/x", {"data": {"mutation": "1"}})
    await api.merge(f"{MAPS}/x", {"metadata": {"labels": {"watch": "b"}}})
    await api.merge(f"{MAPS}/x", {"data": {"mutation": "2"}})
    await api.merge(f"{MAPS}/x", {"metadata": {"labels": {"watch": "a"}}})
    await api.ok("DELETE", f"{MAPS}/x")
    heard = await api.events(5, MAPS, resourceVersion=start, labelSelector="watch=a")
    assert [kind for kind, _ in heard] == ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"]
    both = await api.events(7, MAPS, resourceVersion=start, labelSelector="watch in (a,b)")
    assert [kind for kind, _ in both][:3] == ["ADDED", "ADDED", "MODIFIED"]
    assert both[-1][0] == "DELETED"


async def test_watches_from_every_event_hear_the_same_order(api: Api) -> None:
    start = (await api.ok("GET", MAPS))["metadata"]["resourceVersion"]
    for number in range(10):
        await api.ok("POST", MAPS, config_map(f"c{number}"))
        await api.merge(f"{MAPS}/c{number}", {"data": {"k": "v"}})
        if number % 2:
            await api.ok("DELETE", f"{MAPS}/c{number}")
    whole = await api.events(25, MAPS, resourceVersion=start)
    revisions = [obj["metadata"]["resourceVersion"] for _, obj in whole]
    assert revisions == sorted(revisions, key=int)
    for seen in range(0, 24, 5):
        rest = await api.events(24 - seen, MAPS, resourceVersion=revisions[seen])
        assert rest == whole[seen + 1 :]


def event(version: str, name: str) -> dict[str, Any]:
    about = {"kind": "Pod", "name": "p", "namespace": "default", "apiVersion": "v1"}
    made = {
        "apiVersion": version,
        "kind": "Event",
        "metadata": {"name": name, "labels": {"set": "s"}},
        "type": "Normal",
        "reason": "Test",
    }
    if version == "v1":
        return made | {"involvedObject": about, "message": "one", "source": {"component": "test"}}
    return made | {
        "regarding": about,
        "note": "one",
        "action": "Do",
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "test",
        "reportingInstance": "test-1",
    }


@pytest.mark.parametrize("version", list(EVENTS))
async def test_the_life_of_an_event(api: Api, version: str) -> None:
    path, everywhere, text = EVENTS[version]
    made = await api.ok("POST", path, event(version, "e"))
    listed = await api.ok("GET", everywhere, labelSelector="set=s")
    assert [item["metadata"]["uid"] for item in listed["items"]] == [made["metadata"]["uid"]]
    # events.k8s.io lets nobody change what an event says.
    changed = {text: "two"} if version == "v1" else {"metadata": {"labels": {"more": "two"}}}
    patched = await api.merge(f"{path}/e", changed)
    assert (patched[text] if version == "v1" else patched["metadata"]["labels"]["more"]) == "two"
    series = {"count": 2, "lastObservedTime": "2026-01-01T00:01:00.000000Z"}
    await api.ok("PUT", f"{path}/e", {**patched, "series": series})
    assert (await api.ok("GET", f"{path}/e"))["series"] == series
    await api.ok("DELETE", f"{path}/e")
    assert (await api.ok("GET", everywhere, labelSelector="set=s"))["items"] == []


@pytest.mark.parametrize("version", list(EVENTS))
async def test_events_are_deleted_together(api: Api, version: str) -> None:
    path, everywhere, _ = EVENTS[version]
    for name in ("a", "b", "c"):
        await api.ok("POST", path, event(version, name))
    assert len((await api.ok("GET", everywhere, labelSelector="set=s"))["items"]) == 3
    await api.ok("DELETE", path, labelSelector="set=s")
    assert (await api.ok("GET", everywhere, labelSelector="set=s"))["items"] == []
