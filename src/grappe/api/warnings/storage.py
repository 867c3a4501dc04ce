"""Volumes, claims and classes of storage."""

from __future__ import annotations

from collections.abc import Iterator

from grappe.api import Object
from grappe.api.warnings.labels import DEPRECATED, label_selector, term
from grappe.api.warnings.volumes import GONE, SPELLED, claim_spec

_CLASS = "volume.beta.kubernetes.io/storage-class"
_OPTIONS = "volume.beta.kubernetes.io/mount-options"
_CLASS_OLD = 'deprecated since v1.8; use "storageClassName" attribute instead'
_OPTIONS_OLD = 'deprecated since v1.31; use "mountOptions" attribute instead'


def persistent_volume(obj: Object) -> Iterator[str]:
    spec, annotations = obj.get("spec") or {}, obj["metadata"].get("annotations") or ()
    if _CLASS in annotations:
        yield f"metadata.annotations[{_CLASS}]: {_CLASS_OLD}"
    if _OPTIONS in annotations:
        yield f"metadata.annotations[{_OPTIONS}]: {_OPTIONS_OLD}"
    if spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        yield (
            "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. "
            "Instead, the recommended approach is to use dynamic provisioning."
        )
    required = (spec.get("nodeAffinity") or {}).get("required") or {}
    for i, wanted in enumerate(required.get("nodeSelectorTerms") or ()):
        at = f"spec.nodeAffinity.required.nodeSelectorTerms[{i}]"
        yield from term(wanted, at, values=True)
    for source in spec:
        if source in GONE and spec[source] is not None:
            yield f"spec.{SPELLED.get(source, source)}: {GONE[source]}"


def claim(obj: Object) -> Iterator[str]:
    if _CLASS in (obj["metadata"].get("annotations") or ()):
        yield f"metadata.annotations[{_CLASS}]: {_CLASS_OLD}"
    yield from claim_spec(obj.get("spec") or {}, "spec")


def storage_class(obj: Object) -> Iterator[str]:
    for i, topology in enumerate(obj.get("allowedTopologies") or ()):
        for j, rule in enumerate(topology.get("matchLabelExpressions") or ()):
            if told := DEPRECATED.get(rule.get("key")):
                yield f"allowedTopologies[{i}].matchLabelExpressions[{j}]: {told}"


def capacity(obj: Object) -> Iterator[str]:
    return label_selector(obj.get("nodeTopology"), "nodeTopology")
