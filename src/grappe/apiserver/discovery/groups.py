"""The served resources, ordered as discovery tells them: groups, then versions, then resources."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from grappe.api.resources import BUILTIN, Resource

_KUBERNETES_VERSION = re.compile(r"v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?")
_BUILTIN_GROUPS = frozenset(resource.group for resource in BUILTIN)


def version_order(version: str) -> tuple[int, int, int, str]:
    """A sort key that puts the version a client should prefer first: stable, then beta, then
    alpha, each from the newest; then what is not a version in Kubernetes' form, by its text.

    https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#version-priority
    """
    match = _KUBERNETES_VERSION.fullmatch(version)
    if match is None:
        return (3, 0, 0, version)
    major, stage, minor = match.groups()
    return ({None: 0, "beta": 1, "alpha": 2}[stage], -int(major), -int(minor or 0), "")


@dataclass(slots=True)
class Group:
    """`versions` maps each version, the preferred one first, to its resources by name."""

    name: str
    versions: dict[str, list[Resource]] = field(default_factory=dict)


def group_resources(resources: Iterable[Resource]) -> Mapping[str, Group]:
    """Groups by name: the built-in ones in their own order, then the others by name."""
    groups: dict[str, Group] = {}
    for resource in resources:
        group = groups.setdefault(resource.group, Group(resource.group))
        group.versions.setdefault(resource.version, []).append(resource)
    for group in groups.values():
        group.versions = {
            version: sorted(group.versions[version], key=lambda resource: resource.plural)
            for version in sorted(group.versions, key=version_order)
        }
    builtin = {name: group for name, group in groups.items() if name in _BUILTIN_GROUPS}
    return builtin | {name: groups[name] for name in sorted(groups) if name not in builtin}
