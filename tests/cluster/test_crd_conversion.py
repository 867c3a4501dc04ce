"""Custom resources whose versions a webhook converts, asked over TLS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import ask
from tests.cluster.conversions import (
    APPLY,
    CRDS,
    MERGE,
    V1,
    V2,
    Converts,
    answer,
    define,
    fields,
    site,
    store_as,
)
from tests.cluster.https_servers import HttpsServer, https_server


@pytest.fixture
def webhook() -> Converts:
    return Converts()


@pytest.fixture
async def server(tmp_path: Path, webhook: Converts) -> AsyncIterator[HttpsServer]:
    async with https_server(tmp_path, webhook) as running:
        yield running


async def test_every_version_shows_the_object_its_own_way(
    cluster: TestCluster, server: HttpsServer
) -> None:
    await define(cluster, server)
    made = await ask(cluster, "POST", V1, site("a", hostPort="h:1"))
    assert fields(made) == {"apiVersion": "example.com/v1", "hostPort": "h:1"}
    assert not server.asked  # it is stored as it came
    seen = await ask(cluster, "GET", f"{V2}/a")
    assert fields(seen) == {"apiVersion": "example.com/v2", "host": "h", "port": "1"}
    assert seen.body["metadata"]["uid"] == made.body["metadata"]["uid"]
    assert seen.body["metadata"]["resourceVersion"] == made.body["metadata"]["resourceVersion"]
    again = await ask(cluster, "GET", f"{V2}/a")
    assert (again.body, len(server.asked)) == (seen.body, 1)


async def test_writes_in_either_version(cluster: TestCluster, server: HttpsServer) -> None:
    await define(cluster, server)
    made = await ask(cluster, "POST", V2, site("a", "v2", host="h", port="1"))
    assert (made.status, fields(made)["host"]) == (201, "h")
    assert (await ask(cluster, "GET", f"{V1}/a")).body["hostPort"] == "h:1"
    patched = await ask(cluster, "PATCH", f"{V2}/a", {"port": "2"}, MERGE)
    assert (patched.body["port"], patched.body["metadata"]["generation"]) == ("2", 2)
    put = await ask(cluster, "PUT", f"{V2}/a", {**patched.body, "host": "g"})
    assert fields(put)["host"] == "g"
    status = await ask(cluster, "PATCH", f"{V2}/a/status", {"status": {"up": True}}, MERGE)
    assert status.body["status"] == {"up": True}
    assert fields(await ask(cluster, "GET", f"{V1}/a")) == {
        "apiVersion": "example.com/v1",
        "hostPort": "g:2",
        "status": {"up": True},
    }
    applied = await ask(
        cluster, "PATCH", f"{V2}/b", site("b", "v2", host="x", port="9"), APPLY, fieldManager="me"
    )
    assert applied.status == 201, applied.body
    applied = await ask(
        cluster, "PATCH", f"{V2}/b", site("b", "v2", host="y"), APPLY, fieldManager="me"
    )
    # What is no longer applied goes; the stored form, `hostPort: y:`, is shown as it converts.
    assert fields(applied) == {"apiVersion": "example.com/v2", "host": "y", "port": ""}
    gone = await ask(cluster, "DELETE", f"{V2}/a")
    assert gone.status == 200
    assert (await ask(cluster, "GET", f"{V1}/a")).status == 404


async def test_a_list_of_objects_stored_in_several_versions(
    cluster: TestCluster, server: HttpsServer
) -> None:
    await define(cluster, server)
    await ask(cluster, "POST", V1, site("a", hostPort="h:1"))
    await store_as(cluster, server, "v2")
    await ask(cluster, "POST", V2, site("b", "v2", host="g", port="2"))
    listed = await ask(cluster, "GET", V2)
    assert [(o["host"], o["port"]) for o in listed.body["items"]] == [("h", "1"), ("g", "2")]
    assert {o["apiVersion"] for o in listed.body["items"]} == {"example.com/v2"}
    sent = server.asked[-1].json["request"]["objects"]
    assert [obj["metadata"]["name"] for obj in sent] == ["a"]  # only what is of another version
    listed = await ask(cluster, "GET", V1)
    assert [o["hostPort"] for o in listed.body["items"]] == ["h:1", "g:2"]
    status = (await ask(cluster, "GET", f"{CRDS}/sites.example.com")).body["status"]
    assert status["storedVersions"] == ["v1", "v2"]
    metadata_only = {"accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}
    partial = await ask(cluster, "GET", V1, None, metadata_only)
    assert [o["metadata"]["name"] for o in partial.body["items"]] == ["a", "b"]


async def test_an_empty_write_moves_an_object_to_the_storage_version(
    cluster: TestCluster, server: HttpsServer
) -> None:
    await define(cluster, server)
    made = await ask(cluster, "POST", V1, site("a", hostPort="h:1"))
    await store_as(cluster, server, "v2")
    live = (await ask(cluster, "GET", f"{V1}/a")).body
    moved = await ask(cluster, "PUT", f"{V1}/a", live)
    version = moved.body["metadata"]["resourceVersion"]
    assert int(version) > int(made.body["metadata"]["resourceVersion"])
    again = await ask(cluster, "PUT", f"{V1}/a", moved.body)
    assert again.body["metadata"]["resourceVersion"] == version
    count = len(server.asked)
    assert (await ask(cluster, "GET", f"{V2}/a")).body["host"] == "h"
    assert len(server.asked) == count


async def test_a_long_list_is_converted_in_batches(
    cluster: TestCluster, server: HttpsServer
) -> None:
    await define(cluster, server)
    await asyncio.gather(
        *(ask(cluster, "POST", V1, site(f"s{i}", hostPort=f"h:{i}")) for i in range(501))
    )
    listed = await ask(cluster, "GET", V2)
    assert len(listed.body["items"]) == 501
    assert [len(asked.json["request"]["objects"]) for asked in server.asked] == [500, 1]
    page = await ask(cluster, "GET", V2, limit="3")
    assert len(page.body["items"]) == 3
    assert page.body["metadata"]["remainingItemCount"] == 498
    assert len(server.asked) == 2


async def test_selectors_ask_about_the_version_of_the_request(
    cluster: TestCluster, server: HttpsServer
) -> None:
    await define(cluster, server)
    for name, host in (("a", "h"), ("b", "g"), ("c", "h")):
        await ask(cluster, "POST", V1, site(name, hostPort=f"{host}:1"))
    found = await ask(cluster, "GET", V2, fieldSelector="host=h")
    assert [o["metadata"]["name"] for o in found.body["items"]] == ["a", "c"]
    found = await ask(cluster, "GET", V1, fieldSelector="hostPort=g:1")
    assert [o["metadata"]["name"] for o in found.body["items"]] == ["b"]
    assert (await ask(cluster, "DELETE", V2, fieldSelector="host=h")).status == 200
    left = await ask(cluster, "GET", V1)
    assert [o["metadata"]["name"] for o in left.body["items"]] == ["b"]


async def watched(cluster: TestCluster, path: str, count: int, **query: str) -> list[Any]:
    """The first events of a watch: (type, name, host)."""
    import orjson

    found: list[Any] = []
    stream = cluster.transport.stream(path, {"watch": "true", **query}, {})
    async for line in stream:
        event = orjson.loads(line)
        obj = event["object"]
        if event["type"] == "ERROR":
            found.append(("ERROR", obj["code"], obj["message"]))
        else:
            found.append((event["type"], obj["metadata"].get("name"), obj.get("host")))
        if len(found) == count:
            break
    await stream.aclose()  # type: ignore[attr-defined]
    return found


async def test_a_watch_shows_its_version_in_order(
    cluster: TestCluster, server: HttpsServer
) -> None:
    await define(cluster, server)
    await ask(cluster, "POST", V1, site("a", hostPort="h:1"))
    start = (await ask(cluster, "GET", V2)).body["metadata"]["resourceVersion"]
    everything = asyncio.create_task(watched(cluster, V2, 5))
    hosts = asyncio.create_task(
        watched(cluster, V2, 3, fieldSelector="host=h", resourceVersion=start)
    )
    await ask(cluster, "POST", V1, site("b", hostPort="h:2"))
    await ask(cluster, "PATCH", f"{V1}/a", {"hostPort": "g:1"}, MERGE)
    await ask(cluster, "POST", V2, site("c", "v2", host="i", port="3"))
    await ask(cluster, "DELETE", f"{V2}/b")
    found = await asyncio.wait_for(everything, 30)
    assert found[-1] == ("DELETED", "b", "h")
    assert ("ADDED", "c", "i") in found
    assert await asyncio.wait_for(hosts, 30) == [
        ("ADDED", "b", "h"),
        ("DELETED", "a", "h"),
        ("DELETED", "b", "h"),
    ]


async def test_a_watch_ends_with_an_error_when_conversion_fails(
    cluster: TestCluster, server: HttpsServer, webhook: Converts
) -> None:
    await define(cluster, server)
    webhook.change = lambda review, _: answer(review, [], status="Failure", message="broken")
    await ask(cluster, "POST", V1, site("a", hostPort="h:1"))
    told = "conversion webhook for example.com/v1, Kind=Site failed: broken"
    assert await watched(cluster, V2, 1) == [("ERROR", 500, told)]


async def test_a_watch_ends_when_its_definition_changes(
    cluster: TestCluster, server: HttpsServer
) -> None:
    await define(cluster, server)
    await ask(cluster, "POST", V1, site("a", hostPort="h:1"))
    task = asyncio.create_task(watched(cluster, V2, 99))
    while not server.asked:
        await asyncio.sleep(0.01)
    await store_as(cluster, server, "v2")
    assert await asyncio.wait_for(task, 30) == [("ADDED", "a", "h")]
