"""Answers in protobuf: as Go clients ask for them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from grappe.api import protobuf
from grappe.api.resources import BUILTIN
from grappe.apiserver.http.messages import Request, Response
from grappe.testing.cluster import ADMIN, TestCluster
from tests.cluster.api_requests import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    PODS,
    Reply,
    ask,
    config_map,
    deployment,
    pod,
)
from tests.cluster.protobuf_requests import PROTOBUF, metadata, watch

WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"


async def _serve_widgets(cluster: TestCluster) -> None:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    version = {"name": "v1", "served": True, "storage": True}
    definition = {
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{**version, "schema": {"openAPIV3Schema": {"type": "object"}}}],
        },
    }
    assert (await ask(cluster, "POST", path, definition)).status == 201
    async with asyncio.timeout(10):
        while (await ask(cluster, "GET", WIDGETS)).status != 200:
            await asyncio.sleep(0)


def _read(reply: Reply) -> Any:
    return protobuf.decode(reply.body)


async def test_every_verb_answers_as_in_json(cluster: TestCluster) -> None:
    created = await ask(cluster, "POST", CONFIG_MAPS, config_map("a", {"k": "v"}), PROTOBUF)
    assert created.status == 201
    path = f"{CONFIG_MAPS}/a"
    assert _read(created) == (await ask(cluster, "GET", path)).body
    assert _read(await ask(cluster, "GET", path, headers=PROTOBUF)) == _read(created)
    patch = {**PROTOBUF, "content-type": "application/merge-patch+json"}
    patched = _read(await ask(cluster, "PATCH", path, {"data": {"k": "w"}}, patch))
    assert patched == (await ask(cluster, "GET", path)).body
    patched["data"]["k"] = "x"
    sent = {**PROTOBUF, "content-type": protobuf.CONTENT_TYPE}
    updated = _read(await ask(cluster, "PUT", path, protobuf.encode(patched), sent))
    assert updated == (await ask(cluster, "GET", path)).body
    deleted = _read(await ask(cluster, "DELETE", path, headers=PROTOBUF))
    assert (deleted["kind"], deleted["status"]) == ("Status", "Success")


async def test_the_list_of_every_kind_is_that_of_json(cluster: TestCluster) -> None:
    await ask(cluster, "POST", DEPLOYMENTS, deployment("web"))
    for resource in BUILTIN:
        if "list" not in resource.verbs:
            continue
        path = resource.path()
        while True:  # the server itself writes now and then
            found = _read(await ask(cluster, "GET", path, headers=PROTOBUF))
            expected = (await ask(cluster, "GET", path)).body
            if found["metadata"]["resourceVersion"] == expected["metadata"]["resourceVersion"]:
                break
        assert _without_empties(found.pop("items", [])) == _without_empties(expected.pop("items"))
        assert found == expected
        only = _read(await ask(cluster, "GET", path, headers=metadata("List")))
        assert only["kind"] == "PartialObjectMetadataList"


def _without_empties(value: Any) -> Any:
    """What protobuf does not tell: empty lists and maps, and zeros that Go leaves out."""
    if isinstance(value, dict):
        kept = {key: _without_empties(inner) for key, inner in value.items()}
        return {key: inner for key, inner in kept.items() if inner}
    return [_without_empties(inner) for inner in value] if isinstance(value, list) else value


async def test_pages_go_on_in_protobuf(cluster: TestCluster) -> None:
    for name in "abc":
        await ask(cluster, "POST", CONFIG_MAPS, config_map(name))
    first = _read(await ask(cluster, "GET", CONFIG_MAPS, headers=PROTOBUF, limit="2"))
    assert first["metadata"]["remainingItemCount"] == 1
    query = {"limit": "2", "continue": first["metadata"]["continue"]}
    rest = _read(await ask(cluster, "GET", CONFIG_MAPS, headers=PROTOBUF, **query))
    assert [item["metadata"]["name"] for item in rest["items"]] == ["c"]


async def test_a_long_list_comes_whole(cluster: TestCluster) -> None:
    for number in range(300):
        await ask(cluster, "POST", CONFIG_MAPS, config_map(f"c-{number:03}"))
    for headers in (PROTOBUF, metadata("List")):
        found = _read(await ask(cluster, "GET", CONFIG_MAPS, headers=headers))
        names = [item["metadata"]["name"] for item in found["items"]]
        assert names == [f"c-{number:03}" for number in range(300)]


async def test_errors_are_told_in_protobuf(cluster: TestCluster) -> None:
    missing = await ask(cluster, "GET", f"{CONFIG_MAPS}/none", headers=PROTOBUF)
    expected = (await ask(cluster, "GET", f"{CONFIG_MAPS}/none")).body
    expected.pop("metadata")  # an empty struct
    assert (missing.status, _read(missing)) == (404, expected)
    asked = {"accept": f"{metadata()['accept']},application/json"}
    plain = await ask(cluster, "GET", f"{CONFIG_MAPS}/none", headers=asked)
    assert plain.body["reason"] == "NotFound"


async def test_subresources_and_reviews(cluster: TestCluster) -> None:
    await ask(cluster, "POST", DEPLOYMENTS, deployment("web", replicas=3))
    scale = _read(await ask(cluster, "GET", f"{DEPLOYMENTS}/web/scale", headers=PROTOBUF))
    assert (scale["kind"], scale["spec"]["replicas"]) == ("Scale", 3)
    question = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    sent = {**PROTOBUF, "content-type": protobuf.CONTENT_TYPE}
    review = _read(await ask(cluster, "POST", path, protobuf.encode(question), sent))
    assert review["status"]["allowed"] is True
    accounts = "/api/v1/namespaces/default/serviceaccounts/default/token"
    wish = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": ["a"], "expirationSeconds": 600},
    }
    token = _read(await ask(cluster, "POST", accounts, protobuf.encode(wish), sent))
    assert token["status"]["token"].count(".") == 2
    await ask(cluster, "POST", PODS, pod("p"))
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "p"},
        "target": {"kind": "Node", "name": "n"},
    }
    bound = await ask(cluster, "POST", f"{PODS}/p/binding", protobuf.encode(binding), sent)
    assert (bound.status, _read(bound)["status"]) == (201, "Success")
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}
    evicted = await ask(cluster, "POST", f"{PODS}/p/eviction", protobuf.encode(eviction), sent)
    assert (evicted.status, _read(evicted)["status"]) == (201, "Success")


async def test_discovery(cluster: TestCluster) -> None:
    for path in ("/api", "/apis", "/apis/apps", "/apis/apps/v1", "/api/v1"):
        found = _read(await ask(cluster, "GET", path, headers=PROTOBUF))
        assert found == (await ask(cluster, "GET", path)).body | {"apiVersion": found["apiVersion"]}
    weighted = {"accept": f"{protobuf.CONTENT_TYPE};q=0.5,application/json;q=0.1"}
    answer = cluster.api.handle(Request("GET", "/api", "", weighted, user=ADMIN))
    assert isinstance(answer, Response)
    assert answer.content_type == protobuf.CONTENT_TYPE
    aggregated = f"{protobuf.CONTENT_TYPE};g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    reply = await ask(cluster, "GET", "/apis", headers={"accept": aggregated})
    groups = protobuf.decode(reply.body)["items"]
    assert "apps" in [group["metadata"]["name"] for group in groups]


# -- what has no protobuf --------------------------------------------------------------------------


async def test_custom_resources_fall_back_or_are_refused(cluster: TestCluster) -> None:
    await _serve_widgets(cluster)
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
    refused = await ask(cluster, "POST", WIDGETS, widget, PROTOBUF)
    assert refused.status == 406
    assert protobuf.decode(refused.body)["message"] == (
        "only the following media types are accepted: application/json, application/yaml, "
        "application/vnd.kubernetes.protobuf"
    )
    assert (await ask(cluster, "GET", f"{WIDGETS}/w")).status == 404  # nothing was written
    both = {"accept": f"{protobuf.CONTENT_TYPE},application/json"}
    created = await ask(cluster, "POST", WIDGETS, widget, both)
    assert (created.status, created.body["kind"]) == (201, "Widget")
    only = _read(await ask(cluster, "GET", WIDGETS, headers=metadata("List")))
    assert [item["metadata"]["name"] for item in only["items"]] == ["w"]


async def test_tables_are_never_protobuf(cluster: TestCluster) -> None:
    table = f"{protobuf.CONTENT_TYPE};as=Table;g=meta.k8s.io;v=v1"
    assert (await ask(cluster, "GET", PODS, headers={"accept": table})).status == 406
    both = {"accept": f"{table},application/json;as=Table;g=meta.k8s.io;v=v1"}
    assert (await ask(cluster, "GET", PODS, headers=both)).body["kind"] == "Table"


async def test_a_watch_is_never_yaml(cluster: TestCluster) -> None:
    reply = await ask(cluster, "GET", PODS, headers={"accept": "application/yaml"}, watch="1")
    assert reply.status == 406


# -- watches ---------------------------------------------------------------------------------------


async def test_a_watch_in_protobuf(cluster: TestCluster) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a", {"x": "y"}))
    stream, heard = await watch(cluster, CONFIG_MAPS)
    assert stream.content_type == "application/vnd.kubernetes.protobuf;stream=watch"
    path = f"{CONFIG_MAPS}/a"
    shown = (await ask(cluster, "GET", path)).body
    assert await heard.wait_for(1) == [("ADDED", shown)]
    changed = (await ask(cluster, "PUT", path, config_map("a", {"k": "v"}))).body
    await ask(cluster, "DELETE", path)
    _, modified, (kind, last) = await heard.wait_for(3)
    assert modified == ("MODIFIED", changed)
    assert (kind, last["data"]) == ("DELETED", {"k": "v"})
    heard.stop()


@pytest.mark.parametrize("form", ["whole", "metadata"])
async def test_bookmarks_have_the_kind_of_what_is_watched(cluster: TestCluster, form: str) -> None:
    query = (
        "watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
    )
    headers = PROTOBUF if form == "whole" else metadata()
    _, heard = await watch(cluster, CONFIG_MAPS, query, headers)
    *_, (kind, obj) = await heard.wait_for(1)
    heard.stop()
    assert kind == "BOOKMARK"
    expected = ("v1", "ConfigMap") if form == "whole" else (
        "meta.k8s.io/v1",
        "PartialObjectMetadata",
    )  # fmt: skip
    assert (obj["apiVersion"], obj["kind"]) == expected
    assert obj["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert obj["metadata"]["resourceVersion"] == str(cluster.store.revision)


async def test_metadata_is_watched_of_custom_resources_too(cluster: TestCluster) -> None:
    await _serve_widgets(cluster)
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
    _, heard = await watch(cluster, WIDGETS, headers=metadata())
    await ask(cluster, "POST", WIDGETS, widget)
    ((kind, obj),) = await heard.wait_for(1)
    heard.stop()
    assert (kind, obj["kind"], obj["metadata"]["name"]) == ("ADDED", "PartialObjectMetadata", "w")
