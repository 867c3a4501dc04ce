"""Custom kinds in the published OpenAPI documents, and what kubectl makes of them."""

from __future__ import annotations

from typing import Any

from tests.cluster.conformance.conftest import Api
from tests.cluster.conformance.definitions import (
    DEFINITIONS,
    OPEN,
    custom,
    define,
    definition,
    version,
)
from tests.cluster.people import Kubectl

GROUP = "pub.example.com"
BARS: dict[str, Any] = {
    "description": "Foo CRD for Testing",
    "properties": {
        "spec": {
            "type": "object",
            "description": "Specification of Foo",
            "properties": {
                "bars": {
                    "type": "array",
                    "description": "List of Bars and their specs.",
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {
                            "name": {"type": "string", "description": "Name of Bar."},
                            "age": {"type": "string", "description": "Age of Bar."},
                            "feeling": {"type": "string", "enum": ["Great", "Down"]},
                        },
                    },
                }
            },
        },
        "status": {"type": "object", "description": "Status of Foo"},
    },
}


async def published(api: Api, group: str, kind: str = "Foo") -> dict[str, set[str]]:
    """The versions of a kind that each document describes."""
    reverse = ".".join(reversed(group.split(".")))
    two = (await api.ok("GET", "/openapi/v2"))["definitions"]
    found = {"v2": {n.split(".")[-2] for n in two if n.startswith(f"{reverse}.")}}
    paths = (await api.ok("GET", "/openapi/v3"))["paths"]
    found["v3"] = set()
    for path in paths:
        if path.startswith(f"apis/{group}/"):
            schemas = (await api.ok("GET", f"/openapi/v3/{path}"))["components"]["schemas"]
            assert any(name.endswith(f".{kind}") for name in schemas)
            found["v3"].add(path.rpartition("/")[2])
    return found


async def test_a_kind_with_a_schema(api: Api, kubectl: Kubectl) -> None:
    await define(api, definition(GROUP, version(**BARS)))
    good = custom(GROUP, "test", spec={"bars": [{"name": "test-bar", "feeling": "Great"}]})
    await kubectl("create", "-f", "-", send=good)
    good["spec"]["bars"][0]["age"] = "10"
    await kubectl("apply", "-f", "-", send=good)
    for verb in ("create", "apply"):
        unknown = custom(GROUP, "u", spec={"foo": True})
        done = await kubectl.run(verb, "-f", "-", send=unknown)
        assert (done.code, 'unknown field "spec.foo"' in done.err) == (1, True)
        missing = custom(GROUP, "m", spec={"bars": [{"age": "10"}]})
        done = await kubectl.run(verb, "-f", "-", send=missing)
        assert (done.code, "spec.bars[0].name: Required value" in done.err) == (1, True)
        wrong = custom(GROUP, "w", spec={"bars": [{"name": "n", "feeling": "Bored"}]})
        done = await kubectl.run(verb, "-f", "-", send=wrong)
        assert (done.code, 'Unsupported value: "Bored"' in done.err) == (1, True)
    assert "Foo CRD for Testing" in await kubectl("explain", f"foos.{GROUP}")
    for path, told in (
        ("metadata", "Standard object's metadata"),
        ("spec", "Specification of Foo"),
        ("spec.bars", "List of Bars and their specs."),
        ("spec.bars.name", "Name of Bar."),
    ):
        shown = await kubectl("explain", f"foos.{GROUP}.{path}")
        assert told in " ".join(shown.split())
    done = await kubectl.run("explain", f"foos.{GROUP}.spec.bars2")
    assert (done.code, 'field "bars2" does not exist' in done.err) == (1, True)


async def test_a_kind_without_a_schema_takes_any_property(api: Api, kubectl: Kubectl) -> None:
    await define(api, definition(GROUP))
    for verb in ("create", "apply"):
        body = custom(GROUP, verb, spec={"a": 1, "b": [{"c": "d"}]}, extra="x")
        await kubectl(verb, "-f", "-", send=body)
    shown = await kubectl("explain", f"foos.{GROUP}")
    assert "KIND:       Foo" in shown
    assert "DESCRIPTION:" in shown


async def test_unknown_fields_preserved_in_an_embedded_object(api: Api, kubectl: Kubectl) -> None:
    spec = {**OPEN, "description": "Free to fill", "properties": {"dummy": {"type": "string"}}}
    await define(api, definition(GROUP, version(properties={"spec": spec})))
    body = custom(GROUP, "a", spec={"a": {"b": 1}, "dummy": "x"})
    await kubectl("create", "-f", "-", send=body)
    await kubectl("apply", "-f", "-", send=body)
    done = await kubectl.run("apply", "-f", "-", send={**body, "outside": 1})
    assert (done.code, 'unknown field "outside"' in done.err) == (1, True)
    schemas = (await api.ok("GET", f"/openapi/v3/apis/{GROUP}/v1"))["components"]["schemas"]
    foo = next(schema for name, schema in schemas.items() if name.endswith(".Foo"))
    assert foo["properties"]["spec"]["x-kubernetes-preserve-unknown-fields"] is True
    shown = await kubectl("explain", f"foos.{GROUP}.spec")
    assert "Free to fill" in shown
    assert "dummy" in shown


async def test_kinds_of_several_groups_and_of_one(api: Api) -> None:
    for group in ("one.example.com", "two.example.com"):
        await define(api, definition(group))
        assert await published(api, group) == {"v2": {"v1"}, "v3": {"v1"}}
    await define(api, definition("one.example.com", kind="Bar"))
    for kind in ("Foo", "Bar"):
        assert await published(api, "one.example.com", kind) == {"v2": {"v1"}, "v3": {"v1"}}


async def test_versions_come_are_renamed_and_stop_being_served(api: Api) -> None:
    crd = definition(GROUP, version("v2"), version("v3", storage=False))
    path = f"{DEFINITIONS}/{crd['metadata']['name']}"
    await define(api, crd)
    assert await published(api, GROUP) == {"v2": {"v2", "v3"}, "v3": {"v2", "v3"}}
    untouched = (await api.ok("GET", "/openapi/v3"))["paths"]["api/v1"]["serverRelativeURL"]
    renamed = [version("v2"), version("v4", storage=False)]
    await api.merge(path, {"spec": {"versions": renamed}})
    assert await published(api, GROUP) == {"v2": {"v2", "v4"}, "v3": {"v2", "v4"}}
    one = [version("v2"), version("v4", storage=False, served=False)]
    await api.merge(path, {"spec": {"versions": one}})
    assert await published(api, GROUP) == {"v2": {"v2"}, "v3": {"v2"}}
    paths = (await api.ok("GET", "/openapi/v3"))["paths"]
    assert paths["api/v1"]["serverRelativeURL"] == untouched  # clients need not ask again
