"""The discovery documents as plain objects.

https://kubernetes.io/docs/reference/kubernetes-api/ (APIGroupList, APIResourceList) and KEP-3352
(aggregated discovery).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from grappe.api import Object
from grappe.api.resources import Resource
from grappe.apiserver.discovery.groups import Group
from grappe.apiserver.discovery.subresources import subresources_of


def api_versions(address: str) -> Object:
    """What `/api` answers; `address` is the server's `host:port`."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def api_group(group: Group) -> Object:
    """One entry of `/apis`; `/apis/GROUP` answers it with its kind."""
    versions = [
        {"groupVersion": f"{group.name}/{version}", "version": version}
        for version in group.versions
    ]
    return {"name": group.name, "versions": versions, "preferredVersion": versions[0]}


def api_group_list(groups: Mapping[str, Group]) -> Object:
    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [api_group(group) for name, group in groups.items() if name],
    }


def api_resource_list(group: str, version: str, resources: Iterable[Resource]) -> Object:
    """What `/api/v1` and `/apis/GROUP/VERSION` answer."""
    found: list[Object] = []
    for resource in resources:
        found.append(_api_resource(resource))
        for sub in subresources_of(resource):
            entry: Object = {
                "name": f"{resource.plural}/{sub.name}",
                "singularName": "",
                "namespaced": resource.namespaced,
            }
            if (sub.group, sub.version) != (resource.group, resource.version):
                entry |= {"group": sub.group, "version": sub.version}
            found.append({**entry, "kind": sub.kind, "verbs": list(sub.verbs)})
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": found,
    }


def _api_resource(resource: Resource) -> Object:
    entry: Object = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if "watch" in resource.verbs:
        seen = f"{resource.group}/{resource.version}/{resource.kind}".encode()
        entry["storageVersionHash"] = hashlib.sha256(seen).hexdigest()[:11] + "="
    return entry


def group_discovery_list(groups: Iterable[Group]) -> Object:
    """Everything at once: `apidiscovery.k8s.io/v2`, `APIGroupDiscoveryList`."""
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [
            {
                "metadata": {"name": group.name} if group.name else {},
                "versions": [
                    {
                        "version": version,
                        "resources": [_discovered(resource) for resource in resources],
                        "freshness": "Current",
                    }
                    for version, resources in group.versions.items()
                ],
            }
            for group in groups
        ],
    }


def _discovered(resource: Resource) -> Object:
    entry: Object = {
        "resource": resource.plural,
        "responseKind": _kind(resource.group, resource.version, resource.kind),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    subresources = [
        {
            "subresource": sub.name,
            "responseKind": _kind(sub.group, sub.version, sub.kind),
            "verbs": list(sub.verbs),
        }
        for sub in subresources_of(resource)
    ]
    if subresources:
        entry["subresources"] = subresources
    return entry


def _kind(group: str, version: str, kind: str) -> Object:
    return {"group": group, "version": version, "kind": kind}
