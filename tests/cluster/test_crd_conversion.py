"""Custom resources whose versions a webhook converts, asked over TLS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import Reply, ask
from tests.cluster.hooks import MUTATING, hook, patching, register, review_answers, rule
from tests.cluster.https_servers import Asked, HttpsServer, http, https_server

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
V1 = "/apis/example.com/v1/namespaces/default/sites"
V2 = "/apis/example.com/v2/namespaces/default/sites"
MERGE = {"content-type": "application/merge-patch+json"}
APPLY = {"content-type": "application/apply-patch+yaml"}


def converted(obj: dict[str, Any], version: str) -> dict[str, Any]:
    """v1 has `hostPort: host:port`, v2 has both apart."""
    found = {**obj, "apiVersion": version}
    if version.endswith("/v2") and "hostPort" in found:
        found["host"], found["port"] = found.pop("hostPort").split(":")
    elif version.endswith("/v1") and "host" in found:
        found["hostPort"] = f"{found.pop('host')}:{found.pop('port', '')}"
    return found


def answer(review: Any, objects: list[Any], **result: Any) -> bytes:
    response = {
        "uid": review["request"]["uid"],
        "convertedObjects": objects,
        "result": {"status": "Success", **result},
    }
    return http(200, {**review, "request": None, "response": response})


class Converts:
    """A conversion webhook; `change` makes of its objects what a test wants to see handled."""

    def __init__(self) -> None:
        self.change: Callable[[Any, list[Any]], bytes] = answer

    async def __call__(self, asked: Asked) -> bytes:
        review = asked.json
        assert (review["kind"], review["apiVersion"]) == (
            "ConversionReview",
            "apiextensions.k8s.io/v1",
        )
        version = review["request"]["desiredAPIVersion"]
        found = [converted(obj, version) for obj in review["request"]["objects"]]
        return self.change(review, found)


@pytest.fixture
def webhook() -> Converts:
    return Converts()


@pytest.fixture
async def server(tmp_path: Path, webhook: Converts) -> AsyncIterator[HttpsServer]:
    async with https_server(tmp_path, webhook) as running:
        yield running


def definition(server: HttpsServer, stored: str = "v1", **conversion: Any) -> dict[str, Any]:
    texts = {"v1": ("hostPort", "hidden"), "v2": ("host", "port")}
    versions = [
        {
            "name": name,
            "served": True,
            "storage": name == stored,
            "selectableFields": [{"jsonPath": f".{texts[name][0]}"}],
            "subresources": {"status": {}},
            "schema": {
                "openAPIV3Schema": {
                    "type": "object",
                    "properties": {text: {"type": "string"} for text in texts[name]}
                    | {"status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                }
            },
        }
        for name in ("v1", "v2")
    ]
    client = {"url": f"{server.url}/convert", "caBundle": server.bundle}
    webhook = {"clientConfig": client, "conversionReviewVersions": ["v1"]}
    return {
        "metadata": {"name": "sites.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "sites", "kind": "Site"},
            "versions": versions,
            "conversion": {"strategy": "Webhook", "webhook": webhook, **conversion},
        },
    }


def site(name: str, version: str = "v1", **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default"}
    return {"kind": "Site", "apiVersion": f"example.com/{version}", "metadata": metadata, **fields}


async def define(cluster: TestCluster, server: HttpsServer) -> None:
    made = await ask(cluster, "POST", CRDS, definition(server))
    assert made.status == 201, made.body


async def store_as(cluster: TestCluster, server: HttpsServer, stored: str) -> None:
    """Change the definition's storage version."""
    versions = definition(server, stored)["spec"]["versions"]
    changed = await ask(
        cluster, "PATCH", f"{CRDS}/sites.example.com", {"spec": {"versions": versions}}, MERGE
    )
    assert changed.status == 200, changed.body


def fields(reply: Reply) -> dict[str, Any]:
    return {k: v for k, v in reply.body.items() if k not in ("metadata", "kind")}


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


def _renamed(objects: list[Any], **metadata: Any) -> list[Any]:
    return [{**obj, "metadata": {**obj["metadata"], **metadata}} for obj in objects]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda r, o: answer(r, [], status="Failure", message="cannot"),
            "failed: cannot",
        ),
        (
            lambda r, o: answer(r, [], status="Failure"),
            "failed: response.result.status was 'Failure', not 'Success'",
        ),
        (lambda r, o: answer(r, o + o), "returned 2 objects, expected 1"),
        (lambda r, o: http(200, b"garbage"), "failed: couldn't get version/kind; json parse error"),
        (
            lambda r, o: http(200, {}),
            "failed: expected webhook response of apiextensions.k8s.io/v1",
        ),
        (
            lambda r, o: answer({**r, "request": {"uid": "other"}}, o),
            "failed: expected response.uid=",
        ),
        (
            lambda r, o: answer(r, [{**o[0], "apiVersion": "example.com/v1"}]),
            "returned invalid object: invalid groupVersion (expected example.com/v2, received "
            "example.com/v1)",
        ),
        (
            lambda r, o: answer(r, [{**o[0], "kind": "Other"}]),
            "returned invalid object: invalid kind (expected Site, received Other)",
        ),
        (
            lambda r, o: answer(r, _renamed(o, name="other")),
            "returned invalid object: must have the same name: a != other",
        ),
        (
            lambda r, o: answer(r, _renamed(o, uid="other")),
            "returned invalid object: must have the same UID: ",
        ),
        (
            lambda r, o: answer(r, _renamed(o, labels={"k": 1})),
            "returned invalid metadata: metadata.labels[k] must be a string",
        ),
        (
            lambda r, o: answer(r, _renamed(o, labels={"k": "not valid!"})),
            "returned invalid metadata: metadata.labels: Invalid value",
        ),
        (lambda r, o: answer(r, [7]), "returned invalid object"),
    ],
)
async def test_failures_are_told_as_kubernetes_tells_them(
    cluster: TestCluster, server: HttpsServer, webhook: Converts, change: Any, told: str
) -> None:
    await define(cluster, server)
    await ask(cluster, "POST", V1, site("a", hostPort="h:1"))
    webhook.change = change
    start = f"conversion webhook for example.com/v1, Kind=Site {told}"
    for method, path, body in (
        ("GET", f"{V2}/a", None),
        ("GET", V2, None),
        ("PATCH", f"{V2}/a", {"port": "2"}),
        ("DELETE", f"{V2}/a", None),
    ):
        reply = await ask(cluster, method, path, body, MERGE if body else {})
        assert (reply.status, reply.message[: len(start)]) == (500, start)
    assert (await ask(cluster, "GET", f"{V1}/a")).status == 200
    assert (await ask(cluster, "GET", V1)).status == 200


async def test_metadata_is_not_a_webhooks_business_but_labels_and_annotations(
    cluster: TestCluster, server: HttpsServer, webhook: Converts
) -> None:
    await define(cluster, server)
    made = await ask(cluster, "POST", V1, site("a", hostPort="h:1"))
    changes = {"labels": {"by": "hook"}, "generation": 99, "finalizers": ["x/y"]}
    webhook.change = lambda review, objects: answer(review, _renamed(objects, **changes))
    seen = (await ask(cluster, "GET", f"{V2}/a")).body["metadata"]
    assert seen["labels"] == {"by": "hook"}
    assert (seen["generation"], seen.get("finalizers")) == (1, None)
    assert seen["managedFields"] == made.body["metadata"]["managedFields"]


async def test_what_was_written_before_there_was_a_second_version(
    cluster: TestCluster, server: HttpsServer
) -> None:
    first = definition(server)
    first["spec"]["versions"] = first["spec"]["versions"][:1]
    del first["spec"]["conversion"]
    assert (await ask(cluster, "POST", CRDS, first)).status == 201
    await ask(cluster, "POST", V1, site("a", hostPort="h:1"))
    spec = definition(server, "v2")["spec"]
    changed = await ask(cluster, "PATCH", f"{CRDS}/sites.example.com", {"spec": spec}, MERGE)
    assert changed.status == 200
    assert (await ask(cluster, "GET", f"{V2}/a")).body["host"] == "h"
    assert (await ask(cluster, "GET", f"{V1}/a")).body["hostPort"] == "h:1"


async def test_a_mutating_webhook_with_another_stored_version(
    cluster: TestCluster, server: HttpsServer, tmp_path: Path
) -> None:
    await define(cluster, server)
    patch = patching({"op": "add", "path": "/port", "value": "77"})
    async with https_server(tmp_path, review_answers(lambda _: patch)) as mutator:
        wanted = rule("sites", group="example.com", version="v2")
        await register(cluster, MUTATING, "m", hook(mutator, wanted))
        made = await ask(cluster, "POST", V1, site("a", hostPort="h:1"))
        assert made.body["hostPort"] == "h:77"
        request = mutator.asked[0].json["request"]
        assert request["object"]["apiVersion"] == "example.com/v2"
        await store_as(cluster, server, "v2")
        patched = await ask(cluster, "PATCH", f"{V1}/a", {"hostPort": "g:5"}, MERGE)
        assert patched.body["hostPort"] == "g:77"


async def test_a_definition_goes_although_its_webhook_is_down(
    cluster: TestCluster, server: HttpsServer, webhook: Converts
) -> None:
    await define(cluster, server)
    await ask(cluster, "POST", V1, site("a", hostPort="h:1"))
    webhook.change = lambda review, _: http(500, b"down")
    assert (await ask(cluster, "DELETE", f"{CRDS}/sites.example.com")).status == 200
    while (await ask(cluster, "GET", f"{CRDS}/sites.example.com")).status == 200:
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("webhook_config", "told"),
    [
        (None, "spec.conversion.webhookClientConfig: Required value"),
        (
            {"clientConfig": {"url": "http://x"}, "conversionReviewVersions": ["v1"]},
            "spec.conversion.webhookClientConfig.url: Invalid value: \"http\": 'https' is the",
        ),
        (
            {"clientConfig": {"url": "https://x"}, "conversionReviewVersions": ["v7"]},
            "spec.conversion.conversionReviewVersions: Invalid value",
        ),
    ],
)
async def test_bad_conversions_are_refused(
    cluster: TestCluster, server: HttpsServer, webhook_config: Any, told: str
) -> None:
    refused = await ask(cluster, "POST", CRDS, definition(server, webhook=webhook_config))
    assert refused.status == 422
    assert told in refused.message
