"""Every path that is no resource's: discovery, version, health, OpenAPI, the token issuer's key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping

import orjson

from grappe.api import Object
from grappe.api.errors import method_not_allowed
from grappe.api.resources import Resource
from grappe.apiserver.discovery import documents
from grappe.apiserver.discovery.groups import Group, group_resources
from grappe.apiserver.discovery.health import ENDPOINTS, Health
from grappe.apiserver.discovery.negotiation import wants_aggregated
from grappe.apiserver.discovery.remote import Remote, with_remote_discovery, with_remote_groups
from grappe.apiserver.discovery.version import version_info
from grappe.apiserver.http.messages import Request, Response

_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_JSON = "application/json"
_VARY = ("Vary", "Accept")

Page = Callable[[Request], Response | None]
"""An endpoint that another part of the server answers; None: no such path."""


class Endpoints:
    """The registry's Discovery.

    `resources` gives everything that is served now; `generation` changes whenever that does.
    `pages` answers further paths by their first segment (`openapi`, `metrics`, …), `remote` are
    the group versions that other servers answer.
    """

    def __init__(
        self,
        resources: Callable[[], Iterable[Resource]],
        generation: Callable[[], int],
        health: Health,
        pages: Mapping[str, Page],
        address: str,
        remote: Callable[[], Remote] = tuple,
    ) -> None:
        self._resources = resources
        self._generation = generation
        self._health = health
        self._pages = pages
        self._address = address
        self._remote = remote
        self._cached: dict[tuple[str, bool], Response] = {}
        self._cached_generation = -1

    def answer(self, request: Request) -> Response | None:
        """The answer to a request for one of our paths; None for any other path. ApiError 405
        for a method other than GET and HEAD."""
        path = request.path.rstrip("/") or "/"
        first = path[1:].partition("/")[0]
        if first in ENDPOINTS:
            found = self._health.answer(path, request.query)
        elif first in self._pages:
            found = self._pages[first](request)
        else:
            found = self._document(path, request)
        if found is not None and request.method not in ("GET", "HEAD"):
            raise method_not_allowed("", "")
        return found

    def _document(self, path: str, request: Request) -> Response | None:
        generation = self._generation()
        if generation != self._cached_generation:
            self._cached.clear()
            self._cached_generation = generation
        aggregated = path in ("/api", "/apis") and wants_aggregated(
            request.headers.get("accept", "")
        )
        found = self._cached.get((path, aggregated))
        if found is None:
            obj = self._build(path, aggregated)
            if obj is None:
                return None
            found = _response(obj, aggregated)
            self._cached[path, aggregated] = found
        if aggregated and _matches(request.headers.get("if-none-match", ""), found):
            return Response(304, b"", _AGGREGATED, found.headers)
        return found

    def _build(self, path: str, aggregated: bool) -> Object | None:
        groups = group_resources(self._resources())
        match path[1:].split("/"):
            case [""]:
                return {"paths": self._paths(groups)}
            case ["version"]:
                return version_info()
            case ["api"] if aggregated:
                return documents.group_discovery_list(g for n, g in groups.items() if not n)
            case ["apis"] if aggregated:
                found = documents.group_discovery_list(g for n, g in groups.items() if n)
                return with_remote_discovery(found, self._remote())
            case ["api"]:
                return documents.api_versions(self._address)
            case ["apis"]:
                return with_remote_groups(documents.api_group_list(groups), self._remote())
            case ["api", version]:
                return _resource_list(groups, "", version)
            case ["apis", group] if group:
                listed = with_remote_groups(documents.api_group_list(groups), self._remote())
                kind = {"kind": "APIGroup", "apiVersion": "v1"}
                return next((kind | g for g in listed["groups"] if g["name"] == group), None)
            case ["apis", group, version] if group:
                return _resource_list(groups, group, version)
        return None

    def _paths(self, groups: Mapping[str, Group]) -> list[str]:
        paths = {"/api", "/apis", "/version", *(f"/{name}" for name in ENDPOINTS)}
        for name, group in groups.items():
            root = f"/apis/{name}" if name else "/api"
            paths.add(root)
            paths.update(f"{root}/{version}" for version in group.versions)
        paths.update(f"/{first}" for first in self._pages)
        return sorted(paths)


def _resource_list(groups: Mapping[str, Group], group: str, version: str) -> Object | None:
    found = groups.get(group)
    if found is None or version not in found.versions:
        return None
    return documents.api_resource_list(group, version, found.versions[version])


def _response(obj: Object, aggregated: bool) -> Response:
    body = orjson.dumps(obj)
    if not aggregated:
        return Response(200, body, _JSON)
    tag = f'"{hashlib.sha256(body).hexdigest().upper()}"'
    headers = (("ETag", tag), _VARY, ("Cache-Control", "public"))
    return Response(200, body, _AGGREGATED, headers)


def _matches(condition: str, found: Response) -> bool:
    tag = dict(found.headers)["ETag"]
    return any(entry.strip() in (tag, "*") for entry in condition.split(","))
