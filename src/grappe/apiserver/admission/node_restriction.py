"""NodeRestriction: a node changes itself and the pods bound to it, nothing else.

The process that plays all simulated nodes is not restricted: it is every node.
"""

from __future__ import annotations

from collections.abc import Callable

from grappe.api import Object
from grappe.api.errors import not_found
from grappe.api.resources import LEASES, NODES, PODS, SERVICE_ACCOUNTS
from grappe.apiserver.admission.kinds import (
    CSI_NODES,
    PERSISTENT_VOLUME_CLAIMS,
    RESOURCE_SLICES,
)
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.node_labels import forbidden_labels
from grappe.apiserver.admission.plugin import Plugin, refuse
from grappe.apiserver.auth.node.identity import EVERY_NODE, node_of
from grappe.apiserver.auth.node.references import of_pod
from grappe.apiserver.registry.interface import AdmissionRequest, Operation

_LEASE_NAMESPACE = "kube-node-lease"
_MIRROR = "kubernetes.io/config.mirror"
_CLAIM_STATUS = ("capacity", "conditions", "allocatedResources", "allocatedResourceStatuses")
_IDENTITY = ("resourceVersion", "managedFields")


class NodeRestriction(Plugin):
    """https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction"""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._checks: dict[str, Callable[[AdmissionRequest, str], None]] = {
            NODES.bucket: self._node,
            PODS.bucket: self._pod,
            PERSISTENT_VOLUME_CLAIMS.bucket: self._claim,
            SERVICE_ACCOUNTS.bucket: self._token,
            LEASES.bucket: self._lease,
            CSI_NODES.bucket: self._csi_node,
            RESOURCE_SLICES.bucket: self._slice,
        }

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        return bucket in self._checks and operation != "CONNECT"

    def admit(self, request: AdmissionRequest) -> None:
        node = node_of(request.user)
        if node is None or node == EVERY_NODE:
            return
        if not node:
            raise refuse(request, f'could not determine node from user "{request.user.name}"')
        self._checks[request.served.bucket](request, node)

    # -- the node itself -----------------------------------------------------------------------
    def _node(self, request: AdmissionRequest, node: str) -> None:
        if _name(request) != node:
            told = f'node "{node}" is not allowed to modify node "{_name(request)}"'
            raise refuse(request, told)
        if request.operation == "DELETE":
            return
        new, old = request.obj or {}, request.old
        source = (new.get("spec") or {}).get("configSource")
        before = ((old or {}).get("spec") or {}).get("configSource")
        if source is not None and source != before:
            what = (
                "create pods with a non-nil configSource"
                if old is None
                else "update configSource to a new non-nil configSource"
            )
            raise refuse(request, f'node "{node}" is not allowed to {what}')
        if old is not None and _taints(new) != _taints(old):
            raise refuse(request, f'node "{node}" is not allowed to modify taints')
        labels = ", ".join(forbidden_labels(_labels(new), _labels(old)))
        if labels and old is None:
            told = f'node "{node}" is not allowed to set the following labels: {labels}'
            raise refuse(request, told)
        if labels:
            raise refuse(request, f"is not allowed to modify labels: {labels}")

    def _lease(self, request: AdmissionRequest, node: str) -> None:
        if request.namespace != _LEASE_NAMESPACE:
            raise refuse(
                request,
                f'can only access leases in the "{_LEASE_NAMESPACE}" system namespace',
            )
        if _name(request) != node:
            raise refuse(
                request, "can only access node lease with the same name as the requesting node"
            )

    def _csi_node(self, request: AdmissionRequest, node: str) -> None:
        if _name(request) != node:
            raise refuse(
                request, "can only access CSINode with the same name as the requesting node"
            )

    def _slice(self, request: AdmissionRequest, node: str) -> None:
        """The authorizer sees neither the content of a new object nor what a deletecollection
        reaches."""
        for operation, obj in (("CREATE", request.obj), ("DELETE", request.old)):
            if request.operation == operation and _slice_node(obj) != node:
                raise refuse(
                    request,
                    f"can only {operation.lower()} ResourceSlice with the same NodeName as the "
                    "requesting node",
                )

    # -- its pods ------------------------------------------------------------------------------
    def _pod(self, request: AdmissionRequest, node: str) -> None:
        match request.info.subresource:
            case "":
                self._whole_pod(request, node)
            case "status":
                self._pod_status(request, node)
            case "eviction":
                live = self._live.get(PODS, request.namespace, request.name)
                if live is None:
                    raise not_found("pods", request.name)
                if not _bound(live, node):
                    raise refuse(
                        request, f"node {node} can only evict pods with spec.nodeName set to itself"
                    )
            case other:
                raise refuse(
                    request,
                    f"unexpected pod subresource \"{other}\", only 'status' and 'eviction' "
                    "are allowed",
                )

    def _whole_pod(self, request: AdmissionRequest, node: str) -> None:
        if request.operation == "CREATE":
            self._mirror_pod(request, node)
        elif request.operation != "DELETE":
            raise refuse(
                request,
                f'unexpected operation "{request.operation}", node "{node}" can only create and '
                "delete mirror pods",
            )
        elif not _bound(request.old, node):
            raise refuse(
                request, f'node "{node}" can only delete pods with spec.nodeName set to itself'
            )

    def _pod_status(self, request: AdmissionRequest, node: str) -> None:
        new, old = request.obj or {}, request.old or {}
        if not _bound(old, node):
            raise refuse(
                request,
                f'node "{node}" can only update pod status for pods with spec.nodeName set to '
                "itself",
            )
        if _labels(new) != _labels(old):
            raise refuse(request, f'node "{node}" cannot update labels through pod status')
        if _claims_given(new) != _claims_given(old):
            raise refuse(request, f'node "{node}" cannot update resource claim statues')

    def _mirror_pod(self, request: AdmissionRequest, node: str) -> None:
        pod = request.obj or {}
        can = f'node "{node}" can only create'
        if _MIRROR not in (pod["metadata"].get("annotations") or {}):
            told = f'pod does not have "{_MIRROR}" annotation, {can} mirror pods'
            raise refuse(request, told)
        if not _bound(pod, node):
            raise refuse(request, f"{can} pods with spec.nodeName set to itself")
        self._mirror_owner(request, node, pod["metadata"].get("ownerReferences") or [])
        for plural, _ in of_pod(pod):
            what = "a service account" if plural == "serviceaccounts" else plural
            raise refuse(request, f'node "{node}" can not create pods that reference {what}')

    def _mirror_owner(self, request: AdmissionRequest, node: str, owners: list[Object]) -> None:
        can = f'node "{node}" can only create pods with'
        if len(owners) > 1:
            raise refuse(request, f"{can} a single owner reference set to itself")
        owner = owners[0] if owners else {}
        said = tuple(owner.get(field) for field in ("apiVersion", "kind", "name"))
        if said != ("v1", "Node", node):
            raise refuse(request, f"{can} an owner reference set to itself")
        if not owner.get("controller"):
            raise refuse(request, f"{can} a controller owner reference set to itself")
        if owner.get("blockOwnerDeletion"):
            raise refuse(
                request, f'node "{node}" must not set blockOwnerDeletion on an owner reference'
            )
        live = self._live.get(NODES, "", node)
        if live is None:
            raise not_found("nodes", node)
        uid = live["metadata"]["uid"]
        if owner.get("uid") != uid:
            raise refuse(
                request, f"node {node} UID mismatch: expected {owner.get('uid')} got {uid}"
            )

    # -- what its pods use ---------------------------------------------------------------------
    def _claim(self, request: AdmissionRequest, node: str) -> None:
        if request.info.subresource != "status":
            raise refuse(request, "may only update PVC status")
        if _settled(request.obj or {}) != _settled(request.old or {}):
            raise refuse(
                request,
                f'node "{node}" is not allowed to update fields other than status.capacity and '
                "status.conditions",
            )

    def _token(self, request: AdmissionRequest, node: str) -> None:
        if request.info.subresource != "token":
            return
        reference = ((request.obj or {}).get("spec") or {}).get("boundObjectRef") or {}
        name, uid = reference.get("name"), reference.get("uid")
        kind = reference.get("apiVersion"), reference.get("kind")
        if kind != ("v1", "Pod") or not name:
            raise refuse(request, "node requested token not bound to a pod")
        if not uid:
            raise refuse(request, "node requested token with a pod binding without a uid")
        pod = self._live.get(PODS, request.namespace, name)
        if pod is None:
            raise not_found("pods", name)
        if pod["metadata"]["uid"] != uid:
            raise refuse(
                request,
                f"the UID in the bound object reference ({uid}) does not match the UID in record. "
                "The object might have been deleted and then recreated",
            )
        if not _bound(pod, node):
            raise refuse(
                request, "node requested token bound to a pod scheduled on a different node"
            )


def _name(request: AdmissionRequest) -> str:
    if request.name:
        return request.name
    return str(((request.obj or {}).get("metadata") or {}).get("name") or "")


def _labels(obj: Object | None) -> dict[str, str]:
    return ((obj or {}).get("metadata") or {}).get("labels") or {}


def _taints(node: Object) -> list[Object]:
    return (node.get("spec") or {}).get("taints") or []


def _bound(pod: Object | None, node: str) -> bool:
    return bool(((pod or {}).get("spec") or {}).get("nodeName") == node)


def _slice_node(obj: Object | None) -> str:
    return ((obj or {}).get("spec") or {}).get("nodeName") or ""


def _claims_given(pod: Object) -> list[tuple[object, object]]:
    given = (pod.get("status") or {}).get("resourceClaimStatuses") or ()
    return [(claim.get("name"), claim.get("resourceClaimName")) for claim in given]


def _settled(claim: Object) -> Object:
    """A claim without what its node may change."""
    found = dict(claim)
    for part, free in (("metadata", _IDENTITY), ("status", _CLAIM_STATUS)):
        found[part] = {k: v for k, v in (claim.get(part) or {}).items() if k not in free}
    return found
