"""GET of one and of many: selectors, pages, revisions, forms."""

from __future__ import annotations

import asyncio

import pytest

from grappe.apiserver.registry import coming
from grappe.store.core import HistoryLimits
from grappe.store.memory import MemoryStore
from grappe.testing.cluster import TestCluster, running_cluster
from tests.cluster.api_requests import CONFIG_MAPS, PODS, Reply, ask, config_map, pod

TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


async def _seed(cluster: TestCluster, *names: str) -> None:
    for name in names:
        await ask(cluster, "POST", CONFIG_MAPS, config_map(name, labels={"parity": name[-1]}))


def _names(reply: Reply) -> list[str]:
    return [item["metadata"]["name"] for item in reply.body["items"]]


async def test_items_carry_no_kind_and_come_in_order(cluster: TestCluster) -> None:
    await _seed(cluster, "b", "a")
    reply = await ask(cluster, "GET", CONFIG_MAPS)
    assert reply.body["kind"] == "ConfigMapList"
    assert reply.body["apiVersion"] == "v1"
    assert _names(reply) == ["a", "b"]
    assert not {"kind", "apiVersion"} & set(reply.body["items"][0])
    assert int(reply.body["metadata"]["resourceVersion"]) == cluster.store.revision


_TRACKING = "kube-apiserver-legacy-service-account-token-tracking"


async def test_a_list_of_all_namespaces(cluster: TestCluster) -> None:
    await _seed(cluster, "a")
    await ask(cluster, "POST", "/api/v1/namespaces/kube-system/configmaps", config_map("z"))
    found = _names(await ask(cluster, "GET", "/api/v1/configmaps"))
    own = ("extension-apiserver-authentication", _TRACKING)
    assert [name for name in found if name not in own] == ["a", "z"]
    assert _names(await ask(cluster, "GET", CONFIG_MAPS)) == ["a"]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("parity=1", ["a-1", "b-1"]),
        ("parity!=1", ["a-2"]),
        ("parity in (1,2)", ["a-1", "a-2", "b-1"]),
        ("parity,parity notin (2)", ["a-1", "b-1"]),
        ("!parity", []),
    ],
)
async def test_labels_select(cluster: TestCluster, selector: str, expected: list[str]) -> None:
    await _seed(cluster, "a-1", "a-2", "b-1")
    assert _names(await ask(cluster, "GET", CONFIG_MAPS, labelSelector=selector)) == expected


async def test_a_selector_that_cannot_be_read_is_refused(cluster: TestCluster) -> None:
    reply = await ask(cluster, "GET", CONFIG_MAPS, labelSelector="a in (")
    assert (reply.status, reply.body["reason"]) == (400, "BadRequest")


async def test_a_name_is_found_in_every_namespace(cluster: TestCluster) -> None:
    for namespace in ("a", "a-b"):
        await ask(cluster, "POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        for name in ("x", "y", *(f"z{n}" for n in range(5))):
            path = f"/api/v1/namespaces/{namespace}/configmaps"
            await ask(cluster, "POST", path, {"metadata": {"name": name}})
    everywhere = "/api/v1/configmaps"
    query = {"fieldSelector": "metadata.name=x"}
    whole = await ask(cluster, "GET", everywhere, **query)
    places = [item["metadata"]["namespace"] for item in whole.body["items"]]
    assert places == ["a-b", "a"]  # in the order of keys
    first = await ask(cluster, "GET", everywhere, **query, limit="1")
    token = first.body["metadata"]["continue"]
    second = await ask(cluster, "GET", everywhere, **query, limit="1", **{"continue": token})
    assert first.body["items"] + second.body["items"] == whole.body["items"]
    query["fieldSelector"] = "metadata.name=x,metadata.namespace!=a"
    assert len((await ask(cluster, "GET", everywhere, **query)).body["items"]) == 1


async def test_fields_select(cluster: TestCluster) -> None:
    await ask(cluster, "POST", PODS, pod("a", nodeName="n1"))
    await ask(cluster, "POST", PODS, pod("b"))
    assert _names(await ask(cluster, "GET", PODS, fieldSelector="spec.nodeName=n1")) == ["a"]
    assert _names(await ask(cluster, "GET", PODS, fieldSelector="spec.nodeName!=n1")) == ["b"]
    assert _names(await ask(cluster, "GET", PODS, fieldSelector="metadata.name=b")) == ["b"]
    reply = await ask(cluster, "GET", PODS, fieldSelector="spec.color=red")
    assert reply.status == 400
    assert reply.message == "field label not supported: spec.color"


async def test_pages_show_one_consistent_state(cluster: TestCluster) -> None:
    await _seed(cluster, *(f"c-{n}" for n in range(5)))
    first = await ask(cluster, "GET", CONFIG_MAPS, limit="2")
    assert _names(first) == ["c-0", "c-1"]
    assert first.body["metadata"]["remainingItemCount"] == 3
    await ask(cluster, "DELETE", f"{CONFIG_MAPS}/c-3")
    await _seed(cluster, "c-9")
    found, page = _names(first), first
    while token := page.body["metadata"].get("continue"):
        page = await ask(cluster, "GET", CONFIG_MAPS, **{"limit": "2", "continue": token})
        assert page.body["metadata"]["resourceVersion"] == first.body["metadata"]["resourceVersion"]
        found += _names(page)
    assert found == [f"c-{n}" for n in range(5)]


async def test_a_page_with_a_selector_does_not_count_what_remains(cluster: TestCluster) -> None:
    await _seed(cluster, "a-1", "a-2", "b-1", "c-1")
    reply = await ask(cluster, "GET", CONFIG_MAPS, limit="2", labelSelector="parity=1")
    assert _names(reply) == ["a-1", "b-1"]
    assert "remainingItemCount" not in reply.body["metadata"]
    token = reply.body["metadata"]["continue"]
    query = {"limit": "2", "labelSelector": "parity=1", "continue": token}
    assert _names(await ask(cluster, "GET", CONFIG_MAPS, **query)) == ["c-1"]


async def test_an_expired_token_brings_one_that_goes_on() -> None:
    store = MemoryStore(limits=HistoryLimits(events=2))
    async with running_cluster(store=store) as cluster:
        await _seed(cluster, "a", "b", "c")
        first = await ask(cluster, "GET", CONFIG_MAPS, limit="1")
        await _seed(cluster, "d", "e", "f")
        query = {"limit": "1", "continue": first.body["metadata"]["continue"]}
        reply = await ask(cluster, "GET", CONFIG_MAPS, **query)
        assert (reply.status, reply.body["reason"]) == (410, "Expired")
        assert reply.message.startswith("The provided continue parameter is too old")
        token = reply.body["metadata"]["continue"]
        rest = await ask(cluster, "GET", CONFIG_MAPS, **{"continue": token})
        assert _names(rest) == ["b", "c", "d", "e", "f"]


async def test_flow_schemas_stand_in_the_order_in_which_they_are_asked(
    cluster: TestCluster,
) -> None:
    path = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas"
    rows = (await ask(cluster, "GET", path, None, TABLE)).body["rows"]
    shown = [(row["cells"][2], row["cells"][0]) for row in rows]
    assert shown == sorted(shown)
    listed = [i["metadata"]["name"] for i in (await ask(cluster, "GET", path)).body["items"]]
    assert sorted(name for _, name in shown) == listed


async def test_a_kind_is_printed_the_same_in_each_of_its_versions(cluster: TestCluster) -> None:
    path = "/apis/autoscaling/{}/namespaces/default/horizontalpodautoscalers"
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "maxReplicas": 3, "targetCPUUtilizationPercentage": 70}
    made = await ask(cluster, "POST", path.format("v1"), {"metadata": {"name": "a"}, "spec": spec})
    assert made.status == 201
    cells = [
        (await ask(cluster, "GET", path.format(version), None, TABLE)).body["rows"][0]["cells"][:6]
        for version in ("v1", "v2")
    ]
    assert cells == [["a", "Deployment/web", "cpu: <unknown>/70%", "1", 3, 0]] * 2


async def test_a_revision_not_reached_in_time_is_a_timeout(
    cluster: TestCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coming, "PATIENCE", 0.01)
    ahead = str(cluster.store.revision + 1000)
    reply = await ask(cluster, "GET", CONFIG_MAPS, resourceVersion=ahead)
    assert reply.status == 504
    assert reply.message.startswith(f"Timeout: Too large resource version: {ahead}")
    assert reply.body["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


@pytest.mark.parametrize("path", [CONFIG_MAPS, f"{CONFIG_MAPS}/a"])
async def test_a_read_waits_for_the_revision_it_asks_for(cluster: TestCluster, path: str) -> None:
    await _seed(cluster, "a")
    ahead = str(cluster.store.revision + 2)
    reading = asyncio.create_task(ask(cluster, "GET", path, resourceVersion=ahead))
    await asyncio.sleep(0)
    assert not reading.done()
    await _seed(cluster, "b", "c")
    reply = await reading
    assert reply.status == 200
    assert int(reply.body["metadata"]["resourceVersion"]) > 0


async def test_who_waits_for_a_revision_may_go_away(cluster: TestCluster) -> None:
    ahead = str(cluster.store.revision + 1)
    asked = [
        asyncio.create_task(ask(cluster, "GET", CONFIG_MAPS, resourceVersion=ahead))
        for _ in range(3)
    ]
    await asyncio.sleep(0)
    asked[0].cancel()
    await _seed(cluster, "a")
    assert [_names(await reply) for reply in asked[1:]] == [["a"], ["a"]]


async def test_an_exact_revision_shows_the_past(cluster: TestCluster) -> None:
    await _seed(cluster, "a")
    then = str(cluster.store.revision)
    await _seed(cluster, "b")
    exact = {"resourceVersion": then, "resourceVersionMatch": "Exact"}
    assert _names(await ask(cluster, "GET", CONFIG_MAPS, **exact)) == ["a"]
    newer = {"resourceVersion": then, "resourceVersionMatch": "NotOlderThan"}
    assert _names(await ask(cluster, "GET", CONFIG_MAPS, **newer)) == ["a", "b"]


async def test_a_match_without_a_revision_is_invalid(cluster: TestCluster) -> None:
    reply = await ask(cluster, "GET", CONFIG_MAPS, resourceVersionMatch="Exact")
    assert reply.status == 422
    assert "resourceVersionMatch is forbidden unless resourceVersion is provided" in reply.message


async def test_tables_have_the_columns_kubectl_prints(cluster: TestCluster) -> None:
    await _seed(cluster, "a")
    reply = await ask(cluster, "GET", CONFIG_MAPS, headers=TABLE)
    assert (reply.body["kind"], reply.body["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert [c["name"] for c in reply.body["columnDefinitions"]] == ["Name", "Data", "Age"]
    (row,) = reply.body["rows"]
    assert row["cells"][:2] == ["a", 0]
    assert row["object"]["kind"] == "PartialObjectMetadata"
    whole = await ask(cluster, "GET", CONFIG_MAPS, headers=TABLE, includeObject="Object")
    assert whole.body["rows"][0]["object"]["kind"] == "ConfigMap"


async def test_metadata_only(cluster: TestCluster) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a", {"k": "v"}))
    accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"
    reply = await ask(cluster, "GET", CONFIG_MAPS, headers={"accept": accept})
    assert reply.body["kind"] == "PartialObjectMetadataList"
    assert set(reply.body["items"][0]) == {"kind", "apiVersion", "metadata"}
    accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
    reply = await ask(cluster, "GET", f"{CONFIG_MAPS}/a", headers={"accept": accept})
    assert reply.body["kind"] == "PartialObjectMetadata"
    assert "data" not in reply.body


async def test_yaml_for_who_asks_for_it(cluster: TestCluster) -> None:
    await _seed(cluster, "a")
    reply = await ask(cluster, "GET", f"{CONFIG_MAPS}/a", headers={"accept": "application/yaml"})
    assert b"kind: ConfigMap" in reply.body


async def test_a_form_nobody_can_give_is_not_acceptable(cluster: TestCluster) -> None:
    reply = await ask(cluster, "GET", CONFIG_MAPS, headers={"accept": "text/html"})
    assert (reply.status, reply.body["reason"]) == (406, "NotAcceptable")


async def test_a_long_list_comes_in_slices_and_whole(cluster: TestCluster) -> None:
    await _seed(cluster, *(f"c-{n:04}" for n in range(600)))
    assert len(_names(await ask(cluster, "GET", CONFIG_MAPS))) == 600


@pytest.mark.parametrize("path", [PODS, "/api/v1/pods"])
async def test_pages_of_what_an_index_finds(cluster: TestCluster, path: str) -> None:
    other = "/api/v1/namespaces/kube-system/pods"
    account = {"metadata": {"name": "default"}}
    await ask(cluster, "POST", "/api/v1/namespaces/kube-system/serviceaccounts", account)
    for name in ("a", "b", "c", "d"):
        await ask(cluster, "POST", PODS, pod(name, nodeName="n2" if name == "b" else "n1"))
        await ask(cluster, "POST", other, pod(name, nodeName="n1"))
    found: list[str] = []
    token = ""
    while True:
        reply = await ask(
            cluster,
            "GET",
            path,
            fieldSelector="spec.nodeName=n1,metadata.name!=c",
            limit="2",
            **({"continue": token} if token else {}),
        )
        page = _names(reply)
        assert len(page) <= 2
        found += page
        token = reply.body["metadata"].get("continue", "")
        if not token:
            break
    assert found == (["a", "d"] if path == PODS else ["a", "d", "a", "b", "d"])
