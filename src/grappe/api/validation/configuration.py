"""ConfigMaps, Secrets, roles and bindings, quotas, classes, leases, events."""

from __future__ import annotations

import base64
import binascii

from grappe.api import Object, names
from grappe.api.causes import forbidden, invalid, required, too_long
from grappe.api.validation.rules import Causes, amount, immutable, named, one_of, positive

_MOST_BYTES = 2**20
_RBAC = "rbac.authorization.k8s.io"
_HIGHEST_USER_PRIORITY = 1_000_000_000
_SECRET_KEYS = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}


def _keys(data: Object, at: str) -> Causes:
    for key in data:
        for problem in names.config_key_problems(key):
            yield invalid(f"{at}[{key}]", key, problem)


def config_map(obj: Object) -> Causes:
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    yield from _keys(data, "data")
    yield from _keys(binary, "binaryData")
    if binary:
        for key in sorted(set(data) & set(binary)):
            detail = "duplicate of key present in binaryData"
            yield invalid(f"data[{key}]", key, detail)
    size = 0
    for value in data.values():
        size += len(value) if value.isascii() else len(value.encode())
    for value in binary.values():
        size += len(value) * 3 // 4
    if size > _MOST_BYTES:
        yield too_long("", _MOST_BYTES)


def _settled(new: Object, old: Object, parts: tuple[str, ...]) -> Causes:
    """`immutable: true` cannot be taken back and holds the data."""
    if not old.get("immutable"):
        return
    if not new.get("immutable"):
        yield forbidden("immutable", "field is immutable when `immutable` is set")
    for part in parts:
        if (new.get(part) or {}) != (old.get(part) or {}):
            yield forbidden(part, "field is immutable when `immutable` is set")


def config_map_update(new: Object, old: Object) -> Causes:
    yield from _settled(new, old, ("data", "binaryData"))


def secret(obj: Object) -> Causes:
    data = obj.get("data") or {}
    yield from _keys(data, "data")
    size = 0
    for key, value in data.items():
        try:
            size += len(base64.b64decode(value, validate=True))
        except (binascii.Error, ValueError):
            yield invalid(f"data[{key}]", "<hidden>", "must be base64")
    if size > _MOST_BYTES:
        yield too_long("data", _MOST_BYTES)
    kind = obj.get("type", "")
    for key in _SECRET_KEYS.get(kind, ()):
        if key not in data:
            yield required(f"data[{key}]")
    if kind == "kubernetes.io/service-account-token":
        annotations = obj["metadata"].get("annotations") or {}
        if not annotations.get("kubernetes.io/service-account.name"):
            yield required("metadata.annotations[kubernetes.io/service-account.name]")


def secret_update(new: Object, old: Object) -> Causes:
    yield from immutable(new.get("type"), old.get("type"), "type")
    yield from _settled(new, old, ("data",))


def role(obj: Object) -> Causes:
    for i, rule in enumerate(obj.get("rules") or ()):
        at = f"rules[{i}]"
        if not rule.get("verbs"):
            yield required(f"{at}.verbs", "verbs must contain at least one value")
        if rule.get("nonResourceURLs"):
            if obj.get("kind") == "Role":
                detail = "namespaced rules cannot apply to non-resource URLs"
                yield invalid(f"{at}.nonResourceURLs", rule["nonResourceURLs"], detail)
            if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
                detail = "rules cannot apply to both regular resources and non-resource URLs"
                yield invalid(f"{at}.nonResourceURLs", rule["nonResourceURLs"], detail)
            continue
        if not rule.get("apiGroups"):
            detail = "resource rules must supply at least one api group"
            yield required(f"{at}.apiGroups", detail)
        if not rule.get("resources"):
            detail = "resource rules must supply at least one resource"
            yield required(f"{at}.resources", detail)


def binding(obj: Object) -> Causes:
    ref = obj.get("roleRef") or {}
    yield from one_of(ref.get("apiGroup"), "roleRef.apiGroup", (_RBAC,))
    kinds = ("ClusterRole",) if obj.get("kind") == "ClusterRoleBinding" else ("Role", "ClusterRole")
    yield from one_of(ref.get("kind"), "roleRef.kind", kinds)
    yield from named(ref.get("name"), "roleRef.name", names.path_segment_problems)
    for i, subject in enumerate(obj.get("subjects") or ()):
        at = f"subjects[{i}]"
        if not subject.get("name"):
            yield required(f"{at}.name")
        kind = subject.get("kind")
        yield from one_of(kind, f"{at}.kind", ("ServiceAccount", "User", "Group"))
        if kind == "ServiceAccount" and not subject.get("namespace"):
            yield required(f"{at}.namespace")


def binding_update(new: Object, old: Object) -> Causes:
    if new.get("roleRef") != old.get("roleRef"):
        yield invalid("roleRef", new.get("roleRef"), "cannot change roleRef")


def resource_quota(obj: Object) -> Causes:
    for name, value in ((obj.get("spec") or {}).get("hard") or {}).items():
        for problem in names.qualified_name_problems(name):
            yield invalid(f"spec.hard[{name}]", name, problem)
        yield from amount(value, f"spec.hard[{name}]")


def priority_class(obj: Object) -> Causes:
    name = obj["metadata"].get("name") or ""
    if name.startswith("system-") and name not in (
        "system-cluster-critical",
        "system-node-critical",
    ):
        detail = (
            "priority class names with 'system-' prefix are reserved for system use only. "
            "error: only system priority classes are allowed to have this prefix"
        )
        yield forbidden("metadata.name", detail)
    elif obj.get("value", 0) > _HIGHEST_USER_PRIORITY and not name.startswith("system-"):
        detail = f"maximum allowed value of a user defined priority is {_HIGHEST_USER_PRIORITY}"
        yield forbidden("value", detail)


def priority_class_update(new: Object, old: Object) -> Causes:
    if new.get("value") != old.get("value"):
        yield forbidden("value", "may not be changed in an update.")


def lease(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    yield from positive(spec.get("leaseDurationSeconds"), "spec.leaseDurationSeconds")
    if (count := spec.get("leaseTransitions")) is not None and count < 0:
        detail = "must be greater than or equal to 0"
        yield invalid("spec.leaseTransitions", count, detail)


def storage_class(obj: Object) -> Causes:
    provisioner = obj.get("provisioner")
    if not provisioner:
        yield required("provisioner")
    else:
        for problem in names.qualified_name_problems(provisioner.lower()):
            yield invalid("provisioner", provisioner, problem)
    yield from one_of(obj.get("reclaimPolicy"), "reclaimPolicy", ("Delete", "Retain"))
    modes = ("Immediate", "WaitForFirstConsumer")
    yield from one_of(obj.get("volumeBindingMode"), "volumeBindingMode", modes)


def storage_class_update(new: Object, old: Object) -> Causes:
    for field in ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"):
        if new.get(field) != old.get(field):
            yield forbidden(field, f"updates to {field} are forbidden.")


_ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")


def volume_claim(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    if not spec.get("accessModes"):
        yield required("spec.accessModes", "at least 1 access mode is required")
    for mode in spec.get("accessModes") or ():
        yield from one_of(mode, "spec.accessModes", _ACCESS_MODES)
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if storage is None:
        yield required("spec.resources[storage]")
    else:
        yield from amount(storage, "spec.resources[storage]")


def volume(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    if not spec.get("accessModes"):
        yield required("spec.accessModes")
    if not spec.get("capacity"):
        yield required("spec.capacity")


def event(obj: Object) -> Causes:
    involved = obj.get("involvedObject") or obj.get("regarding") or {}
    namespace = obj["metadata"].get("namespace")
    if not involved.get("namespace"):
        if namespace not in ("default", "kube-system"):
            shown = involved.get("namespace", "")
            yield invalid("involvedObject.namespace", shown, "does not match event.namespace")
    elif involved["namespace"] != namespace:
        shown = involved["namespace"]
        yield invalid("involvedObject.namespace", shown, "does not match event.namespace")
