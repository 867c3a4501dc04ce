"""Defaults of role bindings: the API group of roles and subjects."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.defaults.fields import fill_empty, objects

_GROUP = "rbac.authorization.k8s.io"


def _binding(obj: Object) -> None:
    reference = obj.get("roleRef")
    if reference is not None:
        fill_empty(reference, "apiGroup", _GROUP)
    for subject in objects(obj, "subjects"):
        if subject.get("kind") in ("User", "Group"):
            fill_empty(subject, "apiGroup", _GROUP)


DEFAULTS = {"ClusterRoleBinding": _binding, "RoleBinding": _binding}
