"""What is wrong with an object: by its schema if custom, by its kind's rules if built in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from grappe.api import Object
from grappe.api.errors import Cause
from grappe.api.names import (
    dns_1035_label_problems,
    dns_label_problems,
    dns_subdomain_problems,
    path_segment_problems,
)
from grappe.apiserver.registry.interface import ServedResource


def problems_of_new(served: ServedResource, obj: Object) -> Sequence[Cause]:
    """Of an object about to be created."""
    return [*_name_problems(served, obj), *served.schema.check(obj)]


def problems_of_update(served: ServedResource, new: Object, old: Object) -> Sequence[Cause]:
    """Of what an update would leave behind."""
    return served.schema.check(new)


_NAME_RULES: Mapping[str, Callable[[str], list[str]]] = {
    "/namespaces": dns_label_problems,
    "/services": dns_1035_label_problems,
    "rbac.authorization.k8s.io/clusterrolebindings": path_segment_problems,
    "rbac.authorization.k8s.io/clusterroles": path_segment_problems,
    "rbac.authorization.k8s.io/rolebindings": path_segment_problems,
    "rbac.authorization.k8s.io/roles": path_segment_problems,
}


def _name_problems(served: ServedResource, obj: Object) -> list[Cause]:
    """https://kubernetes.io/docs/concepts/overview/working-with-objects/names/"""
    name = obj["metadata"]["name"]
    return [
        Cause("metadata.name", "FieldValueInvalid", f'Invalid value: "{name}": {problem}')
        for problem in _NAME_RULES.get(served.bucket, dns_subdomain_problems)(name)
    ]
