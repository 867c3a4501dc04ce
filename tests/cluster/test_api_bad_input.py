"""Whatever is sent, the server answers with a Status that blames the sender, never itself."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grappe.testing.cluster import TestCluster, running_cluster
from tests.cluster.api_requests import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    PODS,
    SERVICES,
    ask,
    config_map,
    deployment,
    pod,
    service,
)
from tests.cluster.widgets import ANYTHING, DEFINITIONS, PATCHES, WIDGETS, definition

DEFINITION = definition(ANYTHING)
WIDGET = {
    "apiVersion": "example.com/v1",
    "kind": "Widget",
    "metadata": {
        "name": "a",
        "labels": {"x": "y"},
        "finalizers": [],
        "ownerReferences": [],
        "managedFields": [],
    },
    "spec": {"replicas": 1},
}
MANAGED = {
    "manager": "m",
    "operation": "Apply",
    "apiVersion": "v1",
    "time": "2026-01-31T12:00:00Z",
    "fieldsType": "FieldsV1",
    "fieldsV1": {"f:data": {"f:k": {}}},
}
GOOD = {
    CONFIG_MAPS: config_map("a", {"k": "v"}, labels={"x": "y"}, managedFields=[MANAGED]),
    DEPLOYMENTS: deployment("a"),
    PODS: pod("a", nodeName="n1"),
    SERVICES: service("a", type="NodePort", clusterIP="10.96.0.50"),
    DEFINITIONS: DEFINITION,
    WIDGETS: WIDGET,
}
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["None", "a/b", "10.96.0.1", "TCP", "Always", "x" * 300]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "metadata", "spec", "labels", "port", "", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def places(obj: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path into an object."""
    found = [path]
    items = (
        obj.items() if isinstance(obj, dict) else enumerate(obj) if isinstance(obj, list) else ()
    )
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


def put_at(obj: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(obj) if isinstance(obj, dict) else list(obj)
    copy[path[0]] = put_at(copy[path[0]], path[1:], value)
    return copy


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, Any]:
    """A good object with something wrong at one or two places."""
    path = draw(st.sampled_from(sorted(GOOD)))
    obj: Any = GOOD[path]
    for _ in range(draw(st.integers(1, 2))):
        obj = put_at(obj, draw(st.sampled_from(places(obj))), draw(values))
    return path, obj


async def _attempt(sent: list[tuple[str, Any]], patch_type: str) -> None:
    async with running_cluster() as cluster:
        assert (await ask(cluster, "POST", DEFINITIONS, DEFINITION)).status == 201
        for path, obj in sent:
            body = orjson.dumps(obj)
            replies = [
                await ask(cluster, "POST", path, body),
                await ask(cluster, "POST", path, GOOD[path]),
                await ask(cluster, "PUT", f"{path}/a", body),
                await ask(cluster, "PUT", f"{path}/a/status", body),
                await ask(
                    cluster,
                    "PATCH",
                    f"{path}/a",
                    body,
                    {"content-type": patch_type},
                    **({"fieldManager": "me"} if "apply" in patch_type else {}),
                ),
                await ask(cluster, "PUT", f"{path}/a/scale", body),
                await ask(cluster, "DELETE", f"{path}/a", body),
                await ask(cluster, "GET", path),
            ]
            for reply in replies:
                assert reply.status < 500, (path, obj, reply)


@settings(max_examples=20, deadline=None)
@given(sent=st.lists(damaged(), min_size=8, max_size=8), patch_type=st.sampled_from(PATCHES))
def test_a_damaged_object_is_the_senders_fault(
    sent: list[tuple[str, Any]], patch_type: str
) -> None:
    asyncio.run(_attempt(sent, patch_type))


@pytest.mark.parametrize("depth", [300, 5000])
async def test_an_object_nested_too_deeply_is_refused(cluster: TestCluster, depth: int) -> None:
    await ask(cluster, "POST", DEFINITIONS, DEFINITION)
    nested = b'{"metadata":{"name":"deep"},"spec":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
    for validation in ("Ignore", "Strict"):
        reply = await ask(cluster, "POST", WIDGETS, nested, fieldValidation=validation)
        assert reply.status == 400, reply.body


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": ["x"]},
        {"labels": {"x": 1}},
        {"annotations": 3},
        {"finalizers": "x"},
        {"ownerReferences": {}},
        {"ownerReferences": "aa"},
        {"ownerReferences": ["a", "a"]},
        {"name": 5},
        {"deletionTimestamp": 3},
        {"generateName": []},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", [CONFIG_MAPS, WIDGETS], ids=["builtin", "custom"])
async def test_metadata_of_the_wrong_type_is_refused(
    cluster: TestCluster, path: str, metadata: dict[str, Any]
) -> None:
    await ask(cluster, "POST", DEFINITIONS, DEFINITION)
    good: dict[str, Any] = GOOD[path]
    sent = {**good, "metadata": {**good["metadata"], **metadata}}
    reply = await ask(cluster, "POST", path, sent)
    assert 400 <= reply.status < 500, reply


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "x"},
        {"limit": "-1"},
        {"continue": "%%%"},
        {"resourceVersion": "abc"},
        {"resourceVersion": "-1"},
        {"labelSelector": "=,=="},
        {"fieldSelector": "a"},
        {"timeoutSeconds": "soon"},
        {"resourceVersionMatch": "Sometimes"},
        {"watch": "1", "resourceVersion": "1.5"},
    ],
    ids=str,
)
async def test_odd_parameters_are_the_senders_fault(
    cluster: TestCluster, query: dict[str, str]
) -> None:
    reply = await ask(cluster, "GET", CONFIG_MAPS, **query)
    assert reply.status < 500


async def test_a_put_to_a_list_and_other_odd_requests_are_refused(cluster: TestCluster) -> None:
    for method, path in (
        ("PUT", CONFIG_MAPS),
        ("PATCH", CONFIG_MAPS),
        ("OPTIONS", CONFIG_MAPS),
        ("POST", "/api/v1/configmaps"),
        ("DELETE", "/api/v1/namespaces/default"),
        ("GET", "/api/v1/namespaces/default/nodes"),
        ("GET", "/api/v1/namespaces//configmaps"),
        ("GET", "/apis//v1"),
        ("POST", "/version"),
    ):
        reply = await ask(cluster, method, path, config_map("a"))
        assert 400 <= reply.status < 500, (method, path, reply)
