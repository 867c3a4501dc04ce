"""What extension API servers tell of themselves, as they last told it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from grappe.apiserver.aggregation.identity import identity_headers
from grappe.apiserver.aggregation.services import ApiService, ApiServices
from grappe.apiserver.discovery.remote import RemoteVersion, readable
from grappe.apiserver.http.messages import User
from grappe.apiserver.outbound.caller import Answered, Caller, Target
from grappe.apiserver.outbound.connection import CallError

AGGREGATOR = User("system:kube-aggregator", ("system:masters",))
PROBE_SECONDS = 5.0
_LONGEST = 16 * 1024 * 1024


class Documents:
    """`generation` counts the changes."""

    def __init__(self, services: ApiServices, caller: Caller) -> None:
        self._services = services
        self._caller = caller
        self._known: dict[str, RemoteVersion] = {}
        self.generation = 0

    def remote(self) -> list[RemoteVersion]:
        """Everything that others answer now, in the order of discovery."""
        found = []
        for service in self._services.remote():
            known = self._known.get(service.name)
            found.append(
                RemoteVersion(
                    service.group,
                    service.version,
                    service.available,
                    known.resources if known else (),
                    known.openapi_v3 if known and service.available else "",
                    known.openapi_v2 if known else {},
                    self._services.less_preferred(service),
                )
            )
        return found

    def forget(self, name: str) -> None:
        self._known.pop(name, None)

    async def probe(self, service: ApiService, target: Target) -> Answered:
        """Ask for the discovery of the group version, and remember it when that goes well.
        CallError when nobody answers."""
        answered = await self._get(target, service.path)
        if 200 <= answered.head.status < 300:
            await self._remember(service, target, answered)
        return answered

    async def _remember(self, service: ApiService, target: Target, answered: Answered) -> None:
        before = self._known.get(service.name)
        digest = await self._openapi_hash(target, service.path.removeprefix("/"))
        definitions = before.openapi_v2 if before else {}
        if before is None or not digest or digest != before.openapi_v3:
            definitions = await self._json(target, "/openapi/v2")
        listed = _object(answered.body)
        known = RemoteVersion(
            service.group,
            service.version,
            True,
            readable(listed.get("resources")),
            digest,
            {k: definitions[k] for k in ("paths", "definitions") if k in definitions},
        )
        if known != before:
            self._known[service.name] = known
            self.generation += 1

    async def _openapi_hash(self, target: Target, name: str) -> str:
        paths = (await self._json(target, "/openapi/v3")).get("paths")
        entry = paths.get(name) if isinstance(paths, dict) else None
        url = entry.get("serverRelativeURL") if isinstance(entry, dict) else None
        if not isinstance(url, str):
            return ""
        return parse_qs(urlsplit(url).query).get("hash", ["unknown"])[0]

    async def _json(self, target: Target, path: str) -> dict[str, Any]:
        """A document; empty when there is none: nobody has to offer OpenAPI."""
        try:
            head, body = await self._get(target, path)
        except CallError:
            return {}
        return _object(body) if head.status == 200 else {}

    async def _get(self, target: Target, path: str) -> Answered:
        headers = [*identity_headers(AGGREGATOR), ("accept", "application/json")]
        return await self._caller.ask(
            target, "GET", path, headers, timeout=PROBE_SECONDS, limit=_LONGEST
        )


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
