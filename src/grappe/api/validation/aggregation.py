"""APIServices. https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/api-service-v1/"""

from __future__ import annotations

from grappe.api import Object, names
from grappe.api.causes import invalid, required
from grappe.api.validation.rules import Causes

_HIGHEST_GROUP_PRIORITY = 20_000
_HIGHEST_VERSION_PRIORITY = 1_000


def api_service(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    group, version = spec.get("group") or "", spec.get("version") or ""
    name = obj["metadata"].get("name") or ""
    if name != f"{version}.{group}":
        wanted = f'must be `spec.version+"."+spec.group`: "{version}.{group}"'
        yield invalid("metadata.name", name, wanted)
    if not group and version != "v1":
        yield required("spec.group", "only v1 may have an empty group and it better be legacy kube")
    for problem in names.dns_subdomain_problems(group) if group else ():
        yield invalid("spec.group", group, problem)
    for problem in names.dns_1035_label_problems(version):
        yield invalid("spec.version", version, problem)
    for field, most in (
        ("groupPriorityMinimum", _HIGHEST_GROUP_PRIORITY),
        ("versionPriority", _HIGHEST_VERSION_PRIORITY),
    ):
        value = spec.get(field) or 0
        if not 0 < value <= most:
            yield invalid(f"spec.{field}", value, f"must be positive and less than {most}")
    yield from _service(spec)


def _service(spec: Object) -> Causes:
    bundle, unverified = spec.get("caBundle") or "", spec.get("insecureSkipTLSVerify") or False
    service = spec.get("service")
    if service is None:
        if bundle:
            shown = f"{len(bundle) * 3 // 4} bytes"
            yield invalid("spec.caBundle", shown, "local APIServices may not have a caBundle")
        if unverified:
            detail = "local APIServices may not have insecureSkipTLSVerify"
            yield invalid("spec.insecureSkipTLSVerify", unverified, detail)
        return
    for field in ("namespace", "name"):
        if not service.get(field):
            yield required(f"spec.service.{field}")
    if unverified and bundle:
        detail = "may not be true if caBundle is present"
        yield invalid("spec.insecureSkipTLSVerify", unverified, detail)
