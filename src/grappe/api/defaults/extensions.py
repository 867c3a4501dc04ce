"""Defaults of CustomResourceDefinition and APIService."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.defaults.admission import default_service_reference
from grappe.api.defaults.fields import fill_empty, part


def _definition(obj: Object) -> None:
    spec = part(obj, "spec")
    names = part(spec, "names")
    kind = names.get("kind")
    if kind:
        fill_empty(names, "singular", kind.lower())
        fill_empty(names, "listKind", f"{kind}List")
    if not spec.get("preserveUnknownFields", True):
        del spec["preserveUnknownFields"]
    conversion = part(spec, "conversion")
    fill_empty(conversion, "strategy", "None")
    default_service_reference((conversion.get("webhook") or {}).get("clientConfig") or {})


def _api_service(obj: Object) -> None:
    default_service_reference(part(obj, "spec"))


DEFAULTS = {"CustomResourceDefinition": _definition}
AGGREGATION_DEFAULTS = {"APIService": _api_service}
