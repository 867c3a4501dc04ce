"""Defaults of `policy`: a budget always has a spec, as in Go, where it is no pointer."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.defaults.fields import part


def _disruption_budget(obj: Object) -> None:
    part(obj, "spec")


DEFAULTS = {"PodDisruptionBudget": _disruption_budget}
