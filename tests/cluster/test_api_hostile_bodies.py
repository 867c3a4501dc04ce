"""Whatever a body holds, the answer is an object or an error a client can act on."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from grappe.api import Object
from grappe.api.resources import BUILTIN, Resource
from grappe.api.schema import Node, builtin_schema
from grappe.apiserver.registry.limits import MAX_NODES
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import CONFIG_MAPS, ask, config_map

CREATED = [
    r
    for r in BUILTIN
    if "create" in r.verbs and "get" in r.verbs and r.kind != "CustomResourceDefinition"
]
ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**40,
    1.5,
    "",
    "x",
    "Ä b",
    "-",
    "9" * 300,
    [],
    {},
    [None],
    {"a": None},
    [[]],
    {"a": []},
    "1Gi",
    "2026-01-01T00:00:00Z",
)


CLEAR = (200, 201, 400, 403, 404, 405, 409, 422)
"""Done, or refused for a reason."""


def some(node: Node, dice: random.Random, depth: int) -> Any:
    """A value for `node`: most often of its type, sometimes anything."""
    if depth <= 0 or dice.random() < 0.04:
        return dice.choice(ODD)
    if node.type == "object":
        if node.values is not None and not node.properties:
            keys = dice.sample(["a", "b/c", "app", "cpu", ""], dice.randint(0, 2))
            return {k: some(node.values, dice, depth - 1) for k in keys}
        names = [n for n in node.properties if n in node.required or dice.random() < 0.35]
        return {n: some(node.properties[n], dice, depth - 1) for n in names}
    if node.type == "array":
        return [some(node.items, dice, depth - 1) for _ in range(dice.randint(0, 2))]
    return {
        "string": lambda: dice.choice(["a", "web", "Always", "", "1", "TCP", "x/y"]),
        "integer": lambda: dice.choice([0, 1, 80, -1, 70000]),
        "boolean": lambda: dice.random() < 0.5,
        "number": lambda: 0.5,
        "any": lambda: dice.choice(ODD),
    }[node.type]()


def some_object(resource: Resource, dice: random.Random, name: str) -> Object:
    obj = some(builtin_schema(resource.api_version, resource.kind).root, dice, 12)
    metadata: Object = {"name": name}
    if dice.random() < 0.5 and isinstance(obj, dict) and isinstance(obj.get("metadata"), dict):
        metadata = {**obj["metadata"], **metadata}
    metadata.pop("resourceVersion", None)
    metadata.pop("managedFields", None)
    found = obj if isinstance(obj, dict) else {"spec": obj}
    return found | {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": metadata | ({"namespace": "default"} if resource.namespaced else {}),
    }


def bodies(resource: Resource, dice: random.Random, count: int) -> Iterator[Object]:
    schema = builtin_schema(resource.api_version, resource.kind)
    for index in range(count):
        obj = some(schema.root, dice, 12)
        if not isinstance(obj, dict):
            continue
        obj |= {"apiVersion": resource.api_version, "kind": resource.kind}
        if dice.random() < 0.9:
            obj["metadata"] = {"name": f"a{index}", "namespace": "default"}
            if not resource.namespaced:
                del obj["metadata"]["namespace"]
        yield obj


@pytest.mark.parametrize("seed", range(4))
async def test_no_object_breaks_the_server(cluster: TestCluster, seed: int) -> None:
    dice = random.Random(seed)
    created = 0
    for resource in CREATED:
        path = resource.path("default")
        for obj in bodies(resource, dice, 12):
            reply = await ask(cluster, "POST", path, obj)
            assert reply.status in CLEAR, (resource.kind, obj)
            if reply.status != 201:
                continue
            created += 1
            name = reply.body["metadata"]["name"]
            for change, kind in (
                ({"spec": dice.choice(ODD)}, "application/merge-patch+json"),
                ({"status": dice.choice(ODD)}, "application/strategic-merge-patch+json"),
                (some_object(resource, dice, name), "application/apply-patch+yaml"),
                (some_object(resource, dice, name), "application/strategic-merge-patch+json"),
            ):
                query = {"fieldManager": "x", "force": "true"} if "apply" in kind else {}
                headers = {"content-type": kind}
                reply = await ask(cluster, "PATCH", f"{path}/{name}", change, headers, **query)
                assert reply.status in CLEAR, (resource.kind, change)
            sent = some_object(resource, dice, name)
            reply = await ask(cluster, "PUT", f"{path}/{name}", sent)
            assert reply.status in CLEAR, (resource.kind, sent)
            sent = some_object(resource, dice, name)
            reply = await ask(cluster, "PUT", f"{path}/{name}", sent)
            assert reply.status in (200, 400, 403, 404, 405, 409, 422), (resource.kind, sent)
    assert created > 50


async def test_nesting_without_end_is_refused(cluster: TestCluster) -> None:
    deep = b'{"a":' * 600 + b"1" + b"}" * 600
    body = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":' + deep + b"}"
    reply = await ask(cluster, "POST", CONFIG_MAPS, body)
    assert (reply.status, "exceeded max depth" in reply.message) == (400, True)
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))
    for kind in ("application/merge-patch+json", "application/apply-patch+yaml"):
        headers = {"content-type": kind}
        reply = await ask(cluster, "PATCH", f"{CONFIG_MAPS}/a", body, headers, fieldManager="x")
        assert (reply.status, "exceeded max depth" in reply.message) == (400, True)


async def test_yaml_that_grows_beyond_measure_is_refused(cluster: TestCluster) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    laughs = "\n".join(["apiVersion: v1", "kind: ConfigMap", *lines]).encode()
    reply = await ask(cluster, "POST", CONFIG_MAPS, laughs, {"content-type": "application/yaml"})
    assert (reply.status, "excessive aliasing" in reply.message) == (400, True)
    itself = b"apiVersion: v1\nkind: ConfigMap\ndata: &d {x: *d}\n"
    reply = await ask(cluster, "POST", CONFIG_MAPS, itself, {"content-type": "application/yaml"})
    assert reply.status == 400


@pytest.mark.parametrize("level", [b"[", b'{"a":', b"- ", b"? "], ids=repr)
@pytest.mark.parametrize("kind", ["application/yaml", "application/apply-patch+yaml"])
async def test_bottomless_yaml_does_not_end_the_process(
    cluster: TestCluster, level: bytes, kind: str
) -> None:
    """Each level took some of the C loader's stack, three million of them all of it."""
    body = level * (3 * 1024 * 1024 // len(level))
    headers = {"content-type": kind}
    method = "PATCH" if "patch" in kind else "POST"
    path = f"{CONFIG_MAPS}/a" if "patch" in kind else CONFIG_MAPS
    reply = await ask(cluster, method, path, body, headers, fieldManager="x")
    assert reply.status == 400, reply


async def test_others_are_answered_while_a_long_yaml_body_is_read(cluster: TestCluster) -> None:
    body = b"kind: ConfigMap\napiVersion: v1\nmetadata: {name: long}\ndata:\n"
    body += b"".join(b"  k%d: v\n" % i for i in range(50_000))
    yaml = {"content-type": "application/yaml"}
    long = asyncio.create_task(ask(cluster, "POST", CONFIG_MAPS, body, yaml))
    took = []
    while not long.done():
        began = time.perf_counter()
        assert (await ask(cluster, "GET", CONFIG_MAPS)).status == 200
        took.append(time.perf_counter() - began)
        await asyncio.sleep(0)
    assert long.result().status == 201
    assert len(took) > 10
    assert sorted(took)[len(took) * 9 // 10] < 0.1


async def test_yaml_of_more_values_than_are_read_may_be_sent_as_json(cluster: TestCluster) -> None:
    data = {f"k{number}": "v" for number in range(MAX_NODES // 2)}
    body = config_map("many", data)
    lines = [f"  {key}: {value}" for key, value in data.items()]
    head = ["kind: ConfigMap", "apiVersion: v1", "metadata: {name: many}", "data:"]
    text = "\n".join([*head, *lines]).encode()
    reply = await ask(cluster, "POST", CONFIG_MAPS, text, {"content-type": "application/yaml"})
    assert reply.status == 400
    assert f"document contains more than {MAX_NODES} values; send it as JSON" in reply.message
    assert (await ask(cluster, "POST", CONFIG_MAPS, body, dryRun="All")).status == 201
