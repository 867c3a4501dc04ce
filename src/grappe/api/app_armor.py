"""AppArmor profiles that a new pod names in the annotations of old become fields.

https://kubernetes.io/docs/tutorials/security/apparmor/ and KEP 24. The way back, from fields to
annotations, is no more: every kubelet reads the fields.
"""

from __future__ import annotations

from grappe.api import Object

_PREFIX = "container.apparmor.security.beta.kubernetes.io/"
_LOCALHOST = "localhost/"
_LONGEST = 4095
_DEPRECATED = 'deprecated since v1.30; use the "appArmorProfile" field instead'


def fields_from_annotations(pod: Object) -> list[str]:
    """Fill in, in place, the profile of each container that has an annotation and no field;
    warnings about those annotations that say more than the fields did."""
    annotations = pod["metadata"].get("annotations")
    if not annotations or not any(key.startswith(_PREFIX) for key in annotations):
        return []
    spec = pod["spec"]
    if (spec.get("os") or {}).get("name") == "windows":
        return []
    whole = (spec.get("securityContext") or {}).get("appArmorProfile")
    warnings = []
    for part in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(part) or ():
            key = _PREFIX + (container.get("name") or "")
            own = container.get("securityContext") or {}
            if key not in annotations or own.get("appArmorProfile") is not None:
                continue
            profile = _profile(annotations[key])
            if profile is not None:
                if profile == whole:
                    continue
                container["securityContext"] = {**own, "appArmorProfile": profile}
            warnings.append(f"metadata.annotations[{key}]: {_DEPRECATED}")
    return warnings


def _profile(annotation: str) -> Object | None:
    """What an annotation says, None where that is no profile."""
    if annotation == "unconfined":
        return {"type": "Unconfined"}
    if annotation == "runtime/default":
        return {"type": "RuntimeDefault"}
    name = annotation.removeprefix(_LOCALHOST)
    if name == annotation or not name or name != name.strip() or len(name.encode()) > _LONGEST:
        return None
    return {"type": "Localhost", "localhostProfile": name}
