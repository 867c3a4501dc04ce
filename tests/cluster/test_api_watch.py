"""GET ?watch: what watchers hear, from where, and how a watch ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from grappe.api.resources import CONFIG_MAPS as CONFIG_MAPS_KIND
from grappe.apiserver.registry import watching as watching_module
from grappe.client import connect
from grappe.store.core import HistoryLimits
from grappe.store.memory import MemoryStore
from grappe.testing.cluster import TestCluster, running_cluster
from tests.cluster.api_requests import CONFIG_MAPS, ask, config_map


class Watch:
    """A running watch; `next` gives (type, object)."""

    def __init__(self, lines: AsyncIterator[bytes]) -> None:
        self._lines = lines

    async def next(self) -> tuple[str, dict[str, Any]]:
        async with asyncio.timeout(5):
            event = orjson.loads(await anext(self._lines))
        return event["type"], event["object"]

    async def named(self, count: int) -> list[tuple[str, str]]:
        """The types and names of the next events."""
        found = [await self.next() for _ in range(count)]
        return [(kind, obj["metadata"]["name"]) for kind, obj in found]

    async def ended(self) -> bool:
        async with asyncio.timeout(5):
            return await anext(self._lines, None) is None


@asynccontextmanager
async def watching(
    cluster: TestCluster, headers: dict[str, str] | None = None, **query: str
) -> AsyncIterator[Watch]:
    lines = cluster.transport.stream(CONFIG_MAPS, {"watch": "1", **query}, headers or {})
    ready = asyncio.ensure_future(anext(lines))
    await asyncio.sleep(0)  # the request is made, the first line is awaited

    async def all_lines() -> AsyncIterator[bytes]:
        yield await ready
        async for line in lines:
            yield line

    found = all_lines()
    try:
        yield Watch(found)
    finally:
        ready.cancel()
        await found.aclose()  # type: ignore[attr-defined]
        await lines.aclose()  # type: ignore[attr-defined]


async def _make(cluster: TestCluster, name: str, **labels: str) -> dict[str, Any]:
    reply = await ask(cluster, "POST", CONFIG_MAPS, config_map(name, labels=labels))
    assert reply.status == 201
    return dict(reply.body)


async def _label(cluster: TestCluster, name: str, **labels: str | None) -> None:
    patch = {"metadata": {"labels": labels}}
    headers = {"content-type": "application/merge-patch+json"}
    assert (await ask(cluster, "PATCH", f"{CONFIG_MAPS}/{name}", patch, headers)).status == 200


async def test_everything_after_a_revision_is_heard_in_order(cluster: TestCluster) -> None:
    made = await _make(cluster, "a")
    await _make(cluster, "b")
    async with watching(cluster, resourceVersion=made["metadata"]["resourceVersion"]) as watch:
        assert await watch.named(1) == [("ADDED", "b")]
        await _label(cluster, "a", x="y")
        await ask(cluster, "DELETE", f"{CONFIG_MAPS}/b")
        assert await watch.named(2) == [("MODIFIED", "a"), ("DELETED", "b")]


async def test_an_event_carries_the_object_as_a_get_shows_it(cluster: TestCluster) -> None:
    async with watching(cluster, resourceVersion=str(cluster.store.revision)) as watch:
        made = await _make(cluster, "a")
        assert await watch.next() == ("ADDED", made)


async def test_the_deletion_has_a_revision_of_its_own(cluster: TestCluster) -> None:
    made = await _make(cluster, "a")
    version = made["metadata"]["resourceVersion"]
    async with watching(cluster, resourceVersion=version) as watch:
        await ask(cluster, "DELETE", f"{CONFIG_MAPS}/a")
        kind, obj = await watch.next()
        assert kind == "DELETED"
        assert int(obj["metadata"]["resourceVersion"]) > int(version)


@pytest.mark.parametrize("start", [{}, {"resourceVersion": "0"}], ids=["unset", "zero"])
async def test_without_a_revision_the_state_comes_first(
    cluster: TestCluster, start: dict[str, str]
) -> None:
    await _make(cluster, "a")
    await _make(cluster, "b")
    async with watching(cluster, **start) as watch:
        assert await watch.named(2) == [("ADDED", "a"), ("ADDED", "b")]
        await _make(cluster, "c")
        assert await watch.named(1) == [("ADDED", "c")]


async def test_objects_come_and_go_with_the_selector(cluster: TestCluster) -> None:
    await _make(cluster, "a", team="x")
    start = str(cluster.store.revision)
    async with watching(cluster, labelSelector="team=x", resourceVersion=start) as watch:
        await _make(cluster, "b", team="y")
        await _label(cluster, "a", extra="1")
        await _label(cluster, "b", team="x")
        await _label(cluster, "a", team="y")
        await _label(cluster, "a", extra="2")
        await ask(cluster, "DELETE", f"{CONFIG_MAPS}/b")
        events = [await watch.next() for _ in range(4)]
    seen = [(kind, obj["metadata"]["name"]) for kind, obj in events]
    assert seen == [("MODIFIED", "a"), ("ADDED", "b"), ("DELETED", "a"), ("DELETED", "b")]
    versions = [int(obj["metadata"]["resourceVersion"]) for _, obj in events]
    assert versions == sorted(set(versions))
    assert events[2][1]["metadata"]["labels"]["team"] == "x"  # the last state that was selected


async def test_one_name_is_watched_by_field(cluster: TestCluster) -> None:
    start = str(cluster.store.revision)
    async with watching(cluster, fieldSelector="metadata.name=b", resourceVersion=start) as watch:
        await _make(cluster, "a")
        await _make(cluster, "b")
        assert await watch.named(1) == [("ADDED", "b")]


async def test_a_revision_that_is_forgotten_ends_in_an_error_event() -> None:
    store = MemoryStore(limits=HistoryLimits(events=2))
    async with running_cluster(store=store) as cluster:
        first = await _make(cluster, "a")
        for name in ("b", "c", "d"):
            await _make(cluster, name)
        async with watching(cluster, resourceVersion=first["metadata"]["resourceVersion"]) as watch:
            kind, status = await watch.next()
            assert kind == "ERROR"
            assert (status["code"], status["reason"]) == (410, "Expired")
            assert status["message"].startswith("too old resource version: ")
            assert await watch.ended()


async def test_initial_events_end_with_a_marked_bookmark(cluster: TestCluster) -> None:
    await _make(cluster, "a")
    query = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
    }
    async with watching(cluster, **query) as watch:
        assert await watch.named(1) == [("ADDED", "a")]
        kind, obj = await watch.next()
        assert kind == "BOOKMARK"
        assert obj["kind"] == "ConfigMap"
        assert obj["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert int(obj["metadata"]["resourceVersion"]) == cluster.store.revision


async def test_initial_events_need_a_match(cluster: TestCluster) -> None:
    reply = await ask(cluster, "GET", CONFIG_MAPS, watch="1", sendInitialEvents="true")
    assert reply.status == 422
    assert "NotOlderThan" in reply.message


async def test_a_watch_ends_after_its_timeout_with_a_last_bookmark(cluster: TestCluster) -> None:
    query = {"timeoutSeconds": "1", "allowWatchBookmarks": "true"}
    start = str(cluster.store.revision)
    async with watching(cluster, resourceVersion=start, **query) as watch:
        kind, _ = await watch.next()
        assert kind == "BOOKMARK"
        assert await watch.ended()


TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


async def test_tables_are_watched_row_by_row(cluster: TestCluster) -> None:
    start = str(cluster.store.revision)
    async with (
        watching(cluster, TABLE, resourceVersion=start) as watch,
        watching(cluster, TABLE, resourceVersion=start) as another,
    ):
        await _make(cluster, "a")
        await _make(cluster, "b")
        for each in (watch, another):
            kind, table = await each.next()
            assert (kind, table["kind"]) == ("ADDED", "Table")
            assert table["rows"][0]["cells"][0] == "a"
            assert [c["name"] for c in table["columnDefinitions"]] == ["Name", "Data", "Age"]
            _, table = await each.next()
            assert (table["rows"][0]["cells"][0], table["columnDefinitions"]) == ("b", None)
    query = {"allowWatchBookmarks": "1", "timeoutSeconds": "1"}
    start = str(cluster.store.revision)
    async with watching(cluster, TABLE, resourceVersion=start, **query) as watch:
        kind, table = await watch.next()
        assert (kind, len(table["columnDefinitions"])) == ("BOOKMARK", 3)


@pytest.mark.parametrize("include", ["None", "Metadata", "Object", "Other"])
async def test_the_rows_of_a_watched_table_bring_what_was_asked(
    cluster: TestCluster, include: str
) -> None:
    await _make(cluster, "a")
    async with watching(cluster, TABLE, includeObject=include, resourceVersion="0") as watch:
        if include == "Other":
            refused = await ask(
                cluster, "GET", CONFIG_MAPS, None, TABLE, watch="1", includeObject=include
            )
            assert refused.status == 400
            return
        _, table = await watch.next()
    brought = table["rows"][0].get("object")
    kinds = {"None": None, "Metadata": "PartialObjectMetadata", "Object": "ConfigMap"}
    assert (brought and brought["kind"]) == kinds[include]
    assert include != "Metadata" or set(brought) == {"kind", "apiVersion", "metadata"}


@pytest.mark.parametrize("shape", ["PartialObjectMetadata", "PartialObjectMetadataList"])
async def test_metadata_alone_is_watched(cluster: TestCluster, shape: str) -> None:
    start = str(cluster.store.revision)
    accept = {"accept": f"application/json;as={shape};g=meta.k8s.io;v=v1"}
    async with watching(cluster, accept, resourceVersion=start) as watch:
        await _make(cluster, "a")
        kind, obj = await watch.next()
    assert (kind, obj["kind"], obj["apiVersion"]) == (
        "ADDED",
        "PartialObjectMetadata",
        "meta.k8s.io/v1",
    )
    assert (obj["metadata"]["name"], "data" in obj) == ("a", False)


async def test_a_watch_from_a_revision_to_come_waits_for_what_is_after_it(
    cluster: TestCluster,
) -> None:
    ahead = cluster.store.revision + 2
    async with (
        watching(cluster, resourceVersion=str(ahead)) as watch,
        watching(cluster, resourceVersion=str(ahead)) as another,
    ):
        for name in "abcd":
            await _make(cluster, name)
        for each in (watch, another):
            assert await each.named(2) == [("ADDED", "c"), ("ADDED", "d")]
        await _make(cluster, "e")
        assert await watch.named(1) == [("ADDED", "e")]


async def test_a_revision_that_does_not_come_ends_a_watch(
    cluster: TestCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching_module, "PATIENCE", 0.01)
    ahead = str(cluster.store.revision + 1000)
    async with watching(cluster, resourceVersion=ahead) as watch:
        kind, status = await watch.next()
        assert (kind, status["code"], status["reason"]) == ("ERROR", 504, "Timeout")
        assert await watch.ended()


async def test_a_state_to_come_is_an_error_in_the_stream(cluster: TestCluster) -> None:
    now = cluster.store.revision
    query = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
        "resourceVersion": str(now + 1000),
    }
    async with watching(cluster, **query) as watch:
        kind, status = await watch.next()
        assert (kind, status["code"], status["reason"]) == ("ERROR", 504, "Timeout")
        message = f"Timeout: Too large resource version: {now + 1000}, current: {now}"
        assert status["message"] == message
        assert status["details"] == {
            "causes": [{"reason": "ResourceVersionTooLarge", "message": message.split(": ")[1]}],
            "retryAfterSeconds": 1,
        }
        assert await watch.ended()


async def test_many_watchers_hear_the_same_whenever_they_came(cluster: TestCluster) -> None:
    start = str(cluster.store.revision)
    expected = [("ADDED", f"c-{n}") for n in range(30)]

    async def hear(after: int) -> list[tuple[str, str]]:
        while cluster.store.revision < int(start) + after:
            await asyncio.sleep(0)
        async with watching(cluster, resourceVersion=start) as watch:
            return await watch.named(30)

    hearing = [asyncio.create_task(hear(after)) for after in (0, 5, 10, 29)]
    for n in range(30):
        await _make(cluster, f"c-{n}")
        if n % 7 == 0:
            await asyncio.sleep(0.003)  # let the gathering window pass, now and then
    assert await asyncio.gather(*hearing) == [expected] * 4


async def test_a_state_larger_than_any_buffer_arrives_whole(cluster: TestCluster) -> None:
    for n in range(60):
        reply = await ask(
            cluster, "POST", CONFIG_MAPS, config_map(f"c-{n:02}", {"k": "x" * 200_000})
        )
        assert reply.status == 201
    client = connect(await cluster.serve_https())
    names = []
    try:
        async with asyncio.timeout(30):
            async for event in client.watch(CONFIG_MAPS_KIND, "default", resource_version="0"):
                if event.type == "BOOKMARK":
                    continue
                names.append(event.object["metadata"]["name"])
                if len(names) == 30:
                    await _make(cluster, "c-late")
                if len(names) == 61:
                    break
    finally:
        await client.close()
    assert names == [*(f"c-{n:02}" for n in range(60)), "c-late"]


async def test_a_watch_ends_with_the_definition_of_what_it_watches(cluster: TestCluster) -> None:
    definition = {
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Cluster",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                }
            ],
        },
    }
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    things = "/apis/example.com/v1/things"
    assert (await ask(cluster, "POST", path, definition)).status == 201
    made = await ask(
        cluster,
        "POST",
        things,
        {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}},
    )
    assert made.status == 201
    lines = cluster.transport.stream(things, {"watch": "1"}, {})
    watch = Watch(lines)
    assert await watch.named(1) == [("ADDED", "a")]
    await ask(cluster, "DELETE", f"{path}/things.example.com")
    assert await watch.named(1) == [("DELETED", "a")]
    assert await watch.ended()
