"""What discovery says of subresources: the kind they take, and their verbs."""

from __future__ import annotations

from typing import NamedTuple

from grappe.api.resources import Resource


class Subresource(NamedTuple):
    """`group` and `version` are those of `kind`, where they are not the resource's own."""

    name: str
    group: str
    version: str
    kind: str
    verbs: tuple[str, ...]


_READ_WRITE = ("get", "patch", "update")
_CONNECT = ("create", "get")
_PROXY = ("create", "delete", "get", "patch", "update")
_VERBS = {
    "attach": _CONNECT,
    "binding": ("create",),
    "eviction": ("create",),
    "exec": _CONNECT,
    "finalize": ("update",),
    "log": ("get",),
    "portforward": _CONNECT,
    "proxy": _PROXY,
    "token": ("create",),
}
# Subresources that speak of something other than the object itself: group, version, kind.
_KINDS = {
    ("pods", "attach"): ("", "v1", "PodAttachOptions"),
    ("pods", "binding"): ("", "v1", "Binding"),
    ("pods", "eviction"): ("policy", "v1", "Eviction"),
    ("pods", "exec"): ("", "v1", "PodExecOptions"),
    ("pods", "portforward"): ("", "v1", "PodPortForwardOptions"),
    ("pods", "proxy"): ("", "v1", "PodProxyOptions"),
    ("services", "proxy"): ("", "v1", "ServiceProxyOptions"),
    ("nodes", "proxy"): ("", "v1", "NodeProxyOptions"),
    ("serviceaccounts", "token"): ("authentication.k8s.io", "v1", "TokenRequest"),
}


def subresources_of(resource: Resource) -> list[Subresource]:
    """The subresources of `resource`, by name."""
    found = []
    for name in sorted(resource.subresources):
        own = (resource.group, resource.version, resource.kind)
        scale = ("autoscaling", "v1", "Scale")
        group, version, kind = (
            scale if name == "scale" else _KINDS.get((resource.plural, name), own)
        )
        verbs = _VERBS.get(name, _READ_WRITE)
        found.append(Subresource(name, group, version, kind, verbs))
    return found
