"""The APIServices that are there, and which of them answers a group version."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from grappe.api import Object
from grappe.api.resources import builtin_kind
from grappe.apiserver.followed import Followed
from grappe.apiserver.records import body_of
from grappe.store.interface import Record, Store

_found = builtin_kind("apiregistration.k8s.io/v1", "APIService")
assert _found is not None
API_SERVICES = _found


Moved = Callable[[Iterable[tuple[str, str]]], None]
"""Given all the (group, version) that others answer."""


@dataclass(frozen=True, slots=True)
class ApiService:
    """One APIService. `service` is empty where this server itself answers."""

    name: str
    revision: int
    group: str
    version: str
    namespace: str
    service: str
    port: int
    ca: bytes
    verified: bool
    group_priority: int
    version_priority: int
    available: bool
    conditions: tuple[Object, ...]

    @property
    def path(self) -> str:
        """Where the group version is."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"


def read_api_service(record: Record) -> ApiService:
    obj = body_of(record)
    spec = obj.get("spec") or {}
    service = spec.get("service") or {}
    conditions = tuple((obj.get("status") or {}).get("conditions") or ())
    try:
        ca = base64.b64decode(spec.get("caBundle") or "")
    except (binascii.Error, ValueError):
        ca = b""
    return ApiService(
        name=record.key,
        revision=record.revision,
        group=spec.get("group") or "",
        version=spec.get("version") or "",
        namespace=service.get("namespace") or "",
        service=service.get("name") or "",
        port=service.get("port") or 443,
        ca=ca,
        verified=not spec.get("insecureSkipTLSVerify"),
        group_priority=spec.get("groupPriorityMinimum") or 0,
        version_priority=spec.get("versionPriority") or 0,
        available=any(
            c.get("type") == "Available" and c.get("status") == "True" for c in conditions
        ),
        conditions=conditions,
    )


class ApiServices:
    """Follows the APIServices in the store. `changed` is called with the names that changed."""

    def __init__(self, store: Store) -> None:
        self._followed = Followed(store, API_SERVICES.bucket, read_api_service, self._index)
        self._remote: dict[tuple[str, str], ApiService] = {}
        self.changed: Callable[[Iterable[str]], None] = lambda names: None
        self._moved: Moved = lambda group_versions: None
        self.generation = 0
        """Counts the changes of what is served elsewhere, and whether it can be reached."""

    def start(self) -> None:
        self._followed.start()

    def stop(self) -> None:
        self._followed.stop()

    def _index(self, names: Iterable[str]) -> None:
        remote = {
            (s.group, s.version): s
            for s in self._followed.by_key.values()
            if s.service and s.group != API_SERVICES.group
        }
        if remote != self._remote:
            before, self._remote = self._remote, remote
            self.generation += 1
            if before.keys() != remote.keys():
                self._moved(remote.keys())
        self.changed(names)

    def on_move(self, moved: Moved) -> None:
        """Have `moved` called now, and whenever others answer other group versions. This server's
        own APIServices are nobody else's: with them the rest can be taken back."""
        self._moved = moved
        moved(self._remote.keys())

    def get(self, name: str) -> ApiService | None:
        return self._followed.by_key.get(name)

    def find(self, group: str, version: str) -> ApiService | None:
        """Who answers this group version, if it is not this server."""
        return self._remote.get((group, version)) if self._remote else None

    def remote(self) -> list[ApiService]:
        """All that others answer: by group priority, then version priority, the highest first."""
        return sorted(
            self._remote.values(),
            key=lambda s: (-s.group_priority, s.group, -s.version_priority, s.version),
        )

    def less_preferred(self, service: ApiService) -> frozenset[str]:
        """The versions of its group of a lower priority, whoever answers them."""
        return frozenset(
            other.version
            for other in self._followed.by_key.values()
            if other.group == service.group and other.version_priority < service.version_priority
        )

    def names(self) -> Iterable[str]:
        return self._followed.by_key.keys()
