"""What is served: discovery in both forms, the version, tables."""

from __future__ import annotations

import re

import pytest

from grappe.api.resources import BUILTIN
from tests.cluster.conformance.conftest import Api
from tests.cluster.conformance.definitions import define, definition
from tests.cluster.people import Kubectl

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
OLDER = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"


async def aggregated(api: Api, accept: str = AGGREGATED) -> dict[tuple[str, str], set[str]]:
    """(group, version) → resources, subresources as `plural/part`, of both documents."""
    found: dict[tuple[str, str], set[str]] = {}
    for path in ("/api", "/apis"):
        reply = await api("GET", path, headers={"accept": accept})
        assert reply.status == 200
        assert reply.headers["content-type"] == accept.split(",")[0]
        assert reply.body["kind"] == "APIGroupDiscoveryList"
        for group in reply.body["items"]:
            for at in group["versions"]:
                names = found.setdefault((group["metadata"].get("name", ""), at["version"]), set())
                for resource in at["resources"]:
                    name = resource["resource"]
                    names.add(name)
                    parts = resource.get("subresources", ())
                    names.update(f"{name}/{part['subresource']}" for part in parts)
    return found


async def test_aggregated_discovery_names_all_built_in_resources(api: Api) -> None:
    found = await aggregated(api, f"{AGGREGATED},{OLDER},application/json")
    for resource in BUILTIN:
        assert resource.plural in found[resource.group, resource.version]
    pods = {"pods", "pods/status", "pods/log", "pods/exec", "pods/eviction", "pods/binding"}
    assert pods <= found["", "v1"]


async def test_aggregated_discovery_names_custom_resources_at_once(api: Api) -> None:
    await define(api, definition("disco.example.com"))
    assert (await aggregated(api))["disco.example.com", "v1"] == {"foos"}


async def test_without_the_accept_header_discovery_is_as_it_was(api: Api) -> None:
    assert (await api.ok("GET", "/api"))["kind"] == "APIVersions"
    assert (await api.ok("GET", "/apis"))["kind"] == "APIGroupList"


async def test_each_group_prefers_a_version_it_has(api: Api) -> None:
    for group in (await api.ok("GET", "/apis"))["groups"]:
        alone = await api.ok("GET", f"/apis/{group['name']}")
        assert alone["preferredVersion"] in alone["versions"]
        assert alone["preferredVersion"] == group["preferredVersion"]


async def test_each_group_version_lists_its_resources(api: Api) -> None:
    for group in (await api.ok("GET", "/apis"))["groups"]:
        for at in group["versions"]:
            path = f"/apis/{at['groupVersion']}"
            listed = await api.ok("GET", path)
            assert listed["groupVersion"] == at["groupVersion"]
            assert all(r["name"] and r["kind"] and r["verbs"] for r in listed["resources"])
            assert listed["resources"]


async def test_definitions_are_discovered(api: Api) -> None:
    groups = {g["name"]: g for g in (await api.ok("GET", "/apis"))["groups"]}
    version = {"groupVersion": "apiextensions.k8s.io/v1", "version": "v1"}
    assert version in groups["apiextensions.k8s.io"]["versions"]
    assert version in (await api.ok("GET", "/apis/apiextensions.k8s.io"))["versions"]
    listed = await api.ok("GET", "/apis/apiextensions.k8s.io/v1")
    assert "customresourcedefinitions" in {r["name"] for r in listed["resources"]}


async def test_the_version_is_of_two_numbers(api: Api) -> None:
    version = await api.ok("GET", "/version")
    assert re.fullmatch(r"\d+", version["major"])
    assert re.fullmatch(r"\d+", version["minor"])
    assert version["gitVersion"].startswith(f"v{version['major']}.{version['minor']}.")


@pytest.mark.parametrize("path", ["/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"])
async def test_what_has_no_metadata_has_no_table(api: Api, path: str) -> None:
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}},
    }
    headers = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    assert (await api("POST", path, body, headers)).status == 406


async def test_kubectl_shows_versions(kubectl: Kubectl) -> None:
    assert "v1" in (await kubectl("api-versions")).splitlines()
    told = await kubectl("version", "-o", "json")
    for part in ("clientVersion", "serverVersion", "gitCommit", "major", "minor"):
        assert f'"{part}"' in told
