"""CustomResourceDefinitions themselves: every verb, status, defaults, watches."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.cluster.conformance.conftest import Api
from tests.cluster.conformance.definitions import (
    DEFINITIONS,
    custom,
    define,
    definition,
    objects,
    version,
)

GROUP = "conf.example.com"


async def test_a_definition_is_made_and_deleted(api: Api) -> None:
    made = await define(api, definition(GROUP))
    path = f"{DEFINITIONS}/{made['metadata']['name']}"
    await api.ok("POST", objects(GROUP), custom(GROUP, "a"))
    await api.ok("DELETE", path)

    async with asyncio.timeout(20):
        while (await api("GET", path)).status != 404:
            await asyncio.sleep(0.01)
    assert (await api("GET", objects(GROUP))).status == 404


async def test_the_status_of_a_definition_is_read_updated_and_patched(api: Api) -> None:
    made = await define(api, definition(GROUP))
    path = f"{DEFINITIONS}/{made['metadata']['name']}/status"

    def condition(name: str) -> dict[str, str]:
        return {"type": name, "status": "True", "reason": "E2E", "message": "set by a test"}

    async def told() -> list[str]:
        return [c["type"] for c in (await api.ok("GET", path))["status"]["conditions"]]

    async with asyncio.timeout(20):
        while "Established" not in await told():
            await asyncio.sleep(0.01)
    live = await api.ok("GET", path)
    live["status"]["conditions"].append(condition("StatusUpdate"))
    updated = await api.ok("PUT", path, live)
    assert "StatusUpdate" in [c["type"] for c in updated["status"]["conditions"]]
    conditions = [*updated["status"]["conditions"], condition("StatusPatched")]
    await api.merge(path, {"status": {"conditions": conditions}})
    assert {"Established", "StatusUpdate", "StatusPatched"} <= set(await told())


async def test_labelled_definitions_are_listed_and_deleted_together(api: Api) -> None:
    for number in range(10):
        await define(api, definition(f"g{number}.example.com", set="s"))
    await define(api, definition("kept.example.com"))
    listed = await api.ok("GET", DEFINITIONS, labelSelector="set=s")
    assert len(listed["items"]) == 10
    await api.ok("DELETE", DEFINITIONS, labelSelector="set=s")
    async with asyncio.timeout(20):
        while (await api.ok("GET", DEFINITIONS, labelSelector="set=s"))["items"]:
            await asyncio.sleep(0.01)
    await api.ok("GET", f"{DEFINITIONS}/foos.kept.example.com")


async def test_definitions_are_watched(api: Api) -> None:
    listed = await api.ok("GET", DEFINITIONS)
    made = await define(api, definition(GROUP))
    path = f"{DEFINITIONS}/{made['metadata']['name']}"
    await api.merge(path, {"metadata": {"annotations": {"changed": "yes"}}})
    await api.ok("DELETE", path)
    seen: list[str] = []
    async with asyncio.timeout(20):
        stream = api.watch(DEFINITIONS, resourceVersion=listed["metadata"]["resourceVersion"])
        async for kind, _ in stream:
            seen.append(kind)
            if kind == "DELETED":
                break
        await stream.aclose()  # type: ignore[attr-defined]
    assert seen[0] == "ADDED"
    assert set(seen[1:-1]) == {"MODIFIED"}


async def test_objects_of_a_custom_kind_are_watched(api: Api) -> None:
    await define(api, definition(GROUP))
    revision = (await api.ok("GET", objects(GROUP)))["metadata"]["resourceVersion"]
    await api.ok("POST", objects(GROUP), custom(GROUP, "a"))
    await api.merge(f"{objects(GROUP)}/a", {"spec": {"x": 1}})
    await api.ok("DELETE", f"{objects(GROUP)}/a")
    events = await api.events(3, objects(GROUP), resourceVersion=revision)
    assert [kind for kind, _ in events] == ["ADDED", "MODIFIED", "DELETED"]


async def test_defaults_count_for_requests_and_for_what_is_stored(api: Api) -> None:
    def schema(**defaults: str) -> Any:
        fields = {
            name: {"type": "string", **({"default": defaults[name]} if name in defaults else {})}
            for name in ("a", "b")
        }
        return version(properties={"spec": {"type": "object", "properties": fields}})

    made = await define(api, definition(GROUP, schema()))
    path = f"{DEFINITIONS}/{made['metadata']['name']}"
    await api.ok("POST", objects(GROUP), custom(GROUP, "first", spec={}))
    await api.merge(path, {"spec": {"versions": [schema(a="A")]}})
    assert (await api.ok("GET", f"{objects(GROUP)}/first"))["spec"] == {"a": "A"}
    listed = await api.ok("GET", objects(GROUP))
    assert listed["items"][0]["spec"] == {"a": "A"}
    second = await api.ok("POST", objects(GROUP), custom(GROUP, "second", spec={}))
    assert second["spec"] == {"a": "A"}
    await api.merge(path, {"spec": {"versions": [schema(b="B")]}})
    # What the second was stored with stays; what the first was only shown with goes.
    assert (await api.ok("GET", f"{objects(GROUP)}/second"))["spec"] == {"a": "A", "b": "B"}
    assert (await api.ok("GET", f"{objects(GROUP)}/first"))["spec"] == {"b": "B"}
    watched = await api.events(2, objects(GROUP))
    assert {o["metadata"]["name"]: o["spec"] for _, o in watched} == {
        "first": {"b": "B"},
        "second": {"a": "A", "b": "B"},
    }


async def test_selectable_fields_select_in_lists_and_watches(api: Api) -> None:
    selectable = version(
        properties={
            "spec": {"type": "object", "properties": {"host": {"type": "string"}}},
        }
    )
    selectable["selectableFields"] = [{"jsonPath": ".spec.host"}]
    await define(api, definition(GROUP, selectable))
    for name, host in (("a", "one"), ("b", "two")):
        await api.ok("POST", objects(GROUP), custom(GROUP, name, spec={"host": host}))
    one = await api.ok("GET", objects(GROUP), fieldSelector="spec.host=one")
    assert [o["metadata"]["name"] for o in one["items"]] == ["a"]
    revision = one["metadata"]["resourceVersion"]
    await api.merge(f"{objects(GROUP)}/a", {"spec": {"host": "two"}})
    await api.merge(f"{objects(GROUP)}/b", {"spec": {"host": "one"}})
    events = await api.events(
        2, objects(GROUP), fieldSelector="spec.host=one", resourceVersion=revision
    )
    assert [(kind, o["metadata"]["name"]) for kind, o in events] == [
        ("DELETED", "a"),
        ("ADDED", "b"),
    ]
    refused = await api("GET", objects(GROUP), fieldSelector="spec.other=one")
    assert refused.status == 400
