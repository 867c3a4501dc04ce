"""Every resource the server serves, built in, custom or aggregated, as it says itself."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import orjson

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import Resource
from grappe.client.interface import Client


class Discovered(tuple[Resource, ...]):
    """Resources in their preferred versions. `failures`: group versions that could not be asked
    for, with the reason; their resources are missing here, but not necessarily gone."""

    failures: dict[str, str]

    def __new__(cls, resources: tuple[Resource, ...], failures: dict[str, str]) -> Discovered:
        made = super().__new__(cls, resources)
        made.failures = failures
        return made


async def discover(client: Client) -> Discovered:
    """Ask the server. ApiError or TransportError when it cannot even name its groups."""
    groups = await _get(client, "/apis")
    versions = ["v1"]
    for group in groups.get("groups") or ():
        preferred = group.get("preferredVersion") or group["versions"][0]
        versions.append(preferred["groupVersion"])
        # A resource may exist only in a version that is not preferred.
        versions += [
            v["groupVersion"]
            for v in group["versions"]
            if v["groupVersion"] != preferred["groupVersion"]
        ]
    answers = await asyncio.gather(*(_resources(client, version) for version in versions))
    found: dict[str, Resource] = {}
    failures: dict[str, str] = {}
    for version, answer in zip(versions, answers, strict=True):
        if isinstance(answer, ApiError):
            failures[version] = answer.message
            continue
        for resource in answer:
            found.setdefault(resource.bucket, resource)
    return Discovered(tuple(found.values()), failures)


async def _get(client: Client, path: str) -> Object:
    answer = await client.raw("GET", path)
    found: Object = orjson.loads(answer.body)
    return found


async def _resources(client: Client, api_version: str) -> list[Resource] | ApiError:
    group, _, version = api_version.rpartition("/")
    root = f"/apis/{quote(group)}/{quote(version)}" if group else f"/api/{quote(version)}"
    try:
        listed = await _get(client, root)
    except ApiError as error:
        return [] if error.code == 404 else error
    return [
        Resource(
            group,
            version,
            entry["name"],
            entry["kind"],
            bool(entry["namespaced"]),
            verbs=tuple(entry.get("verbs") or ()),
        )
        for entry in listed.get("resources") or ()
        if "/" not in entry["name"]
    ]
