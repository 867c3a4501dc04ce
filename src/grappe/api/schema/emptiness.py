"""Which fields of a built-in kind mean nothing when they are empty or zero.

Go leaves an empty list, an empty map or a zero (`0`, `""`, `false`) out of JSON where its field
says `omitempty` and is no pointer, and so a kube-apiserver never stores one. Which scalars those
are is in the data. The published definitions do not say it of lists and maps, but nearly: what is
required is kept, what is not is left out, but for the fields below, whose Go types lack the mark. A
test holds both against the table of messages, which has the marks of every field.
"""

from __future__ import annotations

from grappe.api.schema.node import Node

_API = "io.k8s.api."
_KEPT: dict[str, tuple[str, ...]] = {
    f"{_API}authentication.v1.TokenRequestSpec": ("audiences",),
    f"{_API}autoscaling.v2.HorizontalPodAutoscalerStatus": ("currentMetrics",),
    f"{_API}core.v1.ContainerImage": ("names",),
    f"{_API}core.v1.ProjectedVolumeSource": ("sources",),
    f"{_API}discovery.v1.EndpointSlice": ("endpoints", "ports"),
    f"{_API}flowcontrol.v1.ResourcePolicyRule": ("namespaces",),
    f"{_API}rbac.v1.ClusterRole": ("rules",),
    f"{_API}rbac.v1.Role": ("rules",),
    f"{_API}resource.v1.AllocatedDeviceStatus": ("conditions",),
    f"{_API}resource.v1.DeviceClaim": ("requests",),
    f"{_API}resource.v1beta1.AllocatedDeviceStatus": ("conditions",),
    f"{_API}resource.v1beta1.DeviceClaim": ("requests",),
    f"{_API}resource.v1beta2.AllocatedDeviceStatus": ("conditions",),
    f"{_API}resource.v1beta2.DeviceClaim": ("requests",),
    f"{_API}storage.v1.CSINodeDriver": ("topologyKeys",),
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionStatus": (
        "conditions",
        "storedVersions",
    ),
}


def omits_empty(struct: Node, name: str) -> bool:
    """Whether the field `name` of a struct is left out when empty or zero."""
    field = struct.properties[name]
    if name in struct.raw.get("x-grappe-omits-zero", ()):
        return True
    if field.type != "array" and (field.type != "object" or field.values is None):
        return False
    return name not in struct.required and name not in _KEPT.get(struct.definition, ())
