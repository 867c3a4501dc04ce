"""What the operations of a resource are called: `listCoreV1NamespacedPod`, tag `core_v1`.

Clients that are generated from the documents name their functions and classes by these
(https://github.com/kubernetes-client/gen).
"""

from __future__ import annotations

from grappe.api.resources import Resource

_WORDS = {
    "get": "read",
    "list": "list",
    "create": "create",
    "update": "replace",
    "patch": "patch",
    "delete": "delete",
    "deletecollection": "delete",
}
_KUBERNETES = ".k8s.io"


def operation_id(
    resource: Resource, verb: str, subresource: str = "", *, everywhere: bool = False
) -> str:
    """The name of what `verb` does; `everywhere`: in all namespaces."""
    group = _capital(_group(resource)) + _capital(resource.version)
    many = "Collection" if verb == "deletecollection" else ""
    scope = "Namespaced" if resource.namespaced and not everywhere else ""
    place = "ForAllNamespaces" if everywhere else ""
    return "".join((_WORDS[verb], group, many, scope, resource.kind, _capital(subresource), place))


def tag(resource: Resource) -> str:
    """The name of a group version: `rbacAuthorization_v1`, `argoprojIo_v1alpha1`."""
    return f"{_group(resource)}_{resource.version}"


def _group(resource: Resource) -> str:
    first, *rest = (resource.group or "core").removesuffix(_KUBERNETES).split(".")
    return first + "".join(map(_capital, rest))


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]
