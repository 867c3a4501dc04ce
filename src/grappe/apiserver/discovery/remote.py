"""What other servers answer, in the discovery documents of this one. Pure.

https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from grappe.api import Object


@dataclass(frozen=True, slots=True)
class RemoteVersion:
    """A group version that another server answers. `resources` are the entries of its
    APIResourceList, as it last told them; `openapi_v3` is the hash of its OpenAPI document, empty
    when it has none; `openapi_v2` are its definitions and paths. `before` are the versions of its
    group that clients should prefer less."""

    group: str
    version: str
    available: bool
    resources: tuple[Object, ...] = ()
    openapi_v3: str = ""
    openapi_v2: Object = field(default_factory=dict)
    before: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """As OpenAPI's index names it."""
        return f"apis/{self.group}/{self.version}" if self.group else f"api/{self.version}"


Remote = Sequence[RemoteVersion]


def with_remote_groups(document: Object, remote: Remote) -> Object:
    """The APIGroupList with the groups and versions of `remote`; the legacy group is in none."""
    groups = {group["name"]: dict(group) for group in document["groups"]}
    for found in filter(_has_group, remote):
        known = groups.get(found.group)
        groups[found.group] = remote_group(known, found)
    return {**document, "groups": list(groups.values())}


def remote_group(known: Object | None, found: RemoteVersion) -> Object:
    """An APIGroup with one more version, in its place."""
    entry = {"groupVersion": f"{found.group}/{found.version}", "version": found.version}
    if known is None:
        return {"name": found.group, "versions": [entry], "preferredVersion": entry}
    versions = _with_version(known["versions"], entry, found)
    return {**known, "versions": versions, "preferredVersion": versions[0]}


def _with_version(versions: Sequence[Object], entry: Object, found: RemoteVersion) -> list[Object]:
    """The versions with one more, the preferred one first."""
    less = (i for i, version in enumerate(versions) if version["version"] in found.before)
    place = next(less, len(versions))
    return [*versions[:place], entry, *versions[place:]]


def with_remote_discovery(document: Object, remote: Remote) -> Object:
    """The APIGroupDiscoveryList with what `remote` answers: Stale where it cannot be reached."""
    items = {item["metadata"].get("name", ""): dict(item) for item in document["items"]}
    for found in filter(_has_group, remote):
        item = items.get(found.group) or {"metadata": {"name": found.group}, "versions": []}
        version = {
            "version": found.version,
            "resources": _discovered(found),
            "freshness": "Current" if found.available else "Stale",
        }
        versions = _with_version(item["versions"], version, found)
        items[found.group] = {**item, "versions": versions}
    return {**document, "items": list(items.values())}


def _has_group(found: RemoteVersion) -> bool:
    return bool(found.group)


def _discovered(found: RemoteVersion) -> list[Object]:
    whole: dict[str, Object] = {}
    for entry in found.resources:
        if "/" not in entry["name"]:
            whole[entry["name"]] = _whole(found, entry)
    for entry in found.resources:
        plural, slash, subresource = entry["name"].partition("/")
        if slash and plural in whole:
            part = {
                "subresource": subresource,
                "responseKind": _kind(found, entry),
                "verbs": list(entry.get("verbs") or ()),
            }
            whole[plural].setdefault("subresources", []).append(part)
    return list(whole.values())


def _whole(found: RemoteVersion, entry: Object) -> Object:
    made: Object = {
        "resource": entry["name"],
        "responseKind": _kind(found, entry),
        "scope": "Namespaced" if entry.get("namespaced") else "Cluster",
        "singularResource": entry.get("singularName") or "",
        "verbs": list(entry.get("verbs") or ()),
    }
    for name in ("shortNames", "categories"):
        if entry.get(name):
            made[name] = entry[name]
    return made


def _kind(found: RemoteVersion, entry: Object) -> Object:
    return {
        "group": entry.get("group") or found.group,
        "version": entry.get("version") or found.version,
        "kind": entry.get("kind") or "",
    }


def with_remote_definitions(document: Object, remote: Remote) -> Object:
    """The OpenAPI v2 document with what others tell of the group versions they answer, and without
    what this server would. A definition that this server has too is this server's."""
    theirs = tuple(f"/{found.name}/" for found in remote)
    paths = {name: path for name, path in document["paths"].items() if not name.startswith(theirs)}
    definitions = dict(document["definitions"])
    for found in remote:
        for name, path in _part(found, "paths").items():
            if name.startswith(f"/{found.name}/"):
                paths[name] = path
        for name, definition in _part(found, "definitions").items():
            definitions.setdefault(name, definition)
    return {**document, "paths": paths, "definitions": definitions}


def _part(found: RemoteVersion, name: str) -> dict[str, Any]:
    part = found.openapi_v2.get(name)
    return part if isinstance(part, dict) else {}


def readable(entries: Any) -> tuple[Object, ...]:
    """The entries of an APIResourceList that are such."""
    if not isinstance(entries, list):
        return ()
    return tuple(
        entry
        for entry in entries
        if isinstance(entry, dict)
        and isinstance(entry.get("name"), str)
        and entry["name"].partition("/")[0]
        and isinstance(entry.get("verbs") or [], list)
    )
