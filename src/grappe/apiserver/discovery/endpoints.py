"""Every path that is no resource's: discovery, version, health, OpenAPI, the token issuer's key."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping

from grappe.api import Object
from grappe.api.errors import method_not_allowed
from grappe.api.resources import Resource
from grappe.apiserver.discovery import documents
from grappe.apiserver.discovery.groups import Group, group_resources
from grappe.apiserver.discovery.health import ENDPOINTS, Health
from grappe.apiserver.discovery.negotiation import DiscoveryForm, discovery_form
from grappe.apiserver.discovery.remote import Remote, with_remote_discovery, with_remote_groups
from grappe.apiserver.discovery.version import version_info
from grappe.apiserver.http.messages import Request, Response
from grappe.apiserver.registry.answers import answer_object
from grappe.apiserver.registry.negotiation import Form

_AGGREGATED = ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_VARY = ("Vary", "Accept")

Page = Callable[[Request], Response | Awaitable[Response] | None]
"""An endpoint that another part of the server answers; None: no such path. One that answers later
refuses other methods than GET and HEAD itself."""


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
        self._cached: dict[tuple[str, DiscoveryForm], Response] = {}
        self._cached_generation = -1

    def answer(self, request: Request) -> Response | Awaitable[Response] | None:
        """The answer to a request for one of our paths; None for any other path. ApiError 405
        for a method other than GET and HEAD."""
        path = request.path.rstrip("/") or "/"
        first = path[1:].partition("/")[0]
        found: Response | Awaitable[Response] | None
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
        form = discovery_form(request.headers.get("accept", ""))
        if path not in ("/api", "/apis"):
            form = DiscoveryForm(False, form.media)
        found = self._cached.get((path, form))
        if found is None:
            obj = self._build(path, form.aggregated)
            if obj is None:
                return None
            found = _response(obj, form)
            self._cached[path, form] = found
        if form.aggregated and _matches(request.headers.get("if-none-match", ""), found):
            return Response(304, b"", found.content_type, found.headers)
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


def _response(obj: Object, form: DiscoveryForm) -> Response:
    if "kind" not in obj:  # `/` and `/version` are no API objects
        return answer_object(200, obj)
    found = answer_object(200, obj, Form(media=form.media))
    if form.aggregated:
        assert isinstance(found.body, bytes)
        tag = f'"{hashlib.sha256(found.body).hexdigest().upper()}"'
        found.headers = (("ETag", tag), _VARY, ("Cache-Control", "public"))
        found.content_type += _AGGREGATED
    return found


def _matches(condition: str, found: Response) -> bool:
    tag = dict(found.headers)["ETag"]
    return any(entry.strip() in (tag, "*") for entry in condition.split(","))
