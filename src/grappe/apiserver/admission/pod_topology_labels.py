"""PodTopologyLabels: a pod that is given a node gets the labels of where that node is."""

from __future__ import annotations

from grappe.api.resources import NODES, PODS
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.plugin import Plugin
from grappe.apiserver.registry.interface import AdmissionRequest, Operation

_LABELS = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")


class PodTopologyLabels(Plugin):
    """https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#podtopologylabels"""

    def __init__(self, live: Live) -> None:
        self._live = live

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        if bucket != PODS.bucket:
            return False
        return (operation, subresource) in (("CREATE", ""), ("UPDATE", "binding"))

    def admit(self, request: AdmissionRequest) -> None:
        pod = request.obj or {}
        name = pod["spec"].get("nodeName")
        node = self._live.get(NODES, "", name) if name else None
        if node is None:
            return
        labels = node["metadata"].get("labels") or {}
        given = {label: labels[label] for label in _LABELS if label in labels}
        if given:
            metadata = pod["metadata"]
            metadata["labels"] = {**(metadata.get("labels") or {}), **given}
