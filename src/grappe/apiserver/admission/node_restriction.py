"""NodeRestriction: a node changes itself and the pods bound to it, nothing else.

In a simple form; the process that plays all simulated nodes is not restricted.
https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
"""

from __future__ import annotations

from grappe.api import Object
from grappe.api.resources import LEASES, NODES, PODS, SERVICE_ACCOUNTS
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.plugin import Plugin, refuse
from grappe.apiserver.auth.names import NODE_USER_PREFIX, SIMULATED_NODES
from grappe.apiserver.auth.names import NODES as NODES_GROUP
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.interface import AdmissionRequest, Operation

_LEASE_NAMESPACE = "kube-node-lease"
_MIRROR = "kubernetes.io/config.mirror"
_BUCKETS = frozenset((NODES.bucket, PODS.bucket, LEASES.bucket, SERVICE_ACCOUNTS.bucket))


def node_of(user: User) -> str | None:
    """The name of the node that `user` is; None for any other user, and for the one that plays
    simulated nodes."""
    if NODES_GROUP not in user.groups or SIMULATED_NODES in user.groups:
        return None
    return (
        user.name.removeprefix(NODE_USER_PREFIX) if user.name.startswith(NODE_USER_PREFIX) else ""
    )


class NodeRestriction(Plugin):
    def __init__(self, live: Live) -> None:
        self._live = live

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        return bucket in _BUCKETS

    def admit(self, request: AdmissionRequest) -> None:
        node = node_of(request.user)
        if node is None:
            return
        if not node:
            raise refuse(request, "could not determine node from user")
        match request.served.bucket:
            case NODES.bucket:
                self._node(request, node)
            case PODS.bucket:
                self._pod(request, node)
            case LEASES.bucket:
                self._lease(request, node)
            case SERVICE_ACCOUNTS.bucket if request.info.subresource == "token":
                self._token(request, node)

    def _node(self, request: AdmissionRequest, node: str) -> None:
        if request.name and request.name != node:
            raise refuse(request, f'node "{node}" is not allowed to modify node "{request.name}"')
        if request.operation == "UPDATE" and not request.info.subresource:
            new, old = (request.obj or {}).get("spec") or {}, (request.old or {}).get("spec") or {}
            if new.get("taints") != old.get("taints"):
                raise refuse(request, f'node "{node}" is not allowed to modify taints')

    def _pod(self, request: AdmissionRequest, node: str) -> None:
        subresource = request.info.subresource
        if subresource == "eviction":
            live = self._live.get(PODS, request.namespace, request.name)
            self._bound_here(request, live, node, "evict")
        elif request.operation == "CREATE" and not subresource:
            self._mirror_pod(request, node)
        elif request.operation == "DELETE":
            self._bound_here(request, request.old, node, "delete")
        elif subresource == "status":
            self._bound_here(request, request.old, node, "update status for")
        elif request.operation == "UPDATE":
            raise refuse(
                request, f'unexpected operation UPDATE, node "{node}" can only update pod status'
            )

    def _bound_here(
        self, request: AdmissionRequest, pod: Object | None, node: str, action: str
    ) -> None:
        if ((pod or {}).get("spec") or {}).get("nodeName") != node:
            raise refuse(
                request,
                f'node "{node}" can only {action} pods with spec.nodeName set to itself',
            )

    def _mirror_pod(self, request: AdmissionRequest, node: str) -> None:
        pod = request.obj or {}
        if _MIRROR not in (pod["metadata"].get("annotations") or {}):
            raise refuse(
                request,
                f'pod does not have "{_MIRROR}" annotation, node "{node}" can only create '
                "mirror pods",
            )
        if pod["spec"].get("nodeName") != node:
            raise refuse(
                request, f'node "{node}" can only create pods with spec.nodeName set to itself'
            )

    def _lease(self, request: AdmissionRequest, node: str) -> None:
        if request.namespace != _LEASE_NAMESPACE:
            raise refuse(
                request,
                f'can only access leases in the "{_LEASE_NAMESPACE}" system namespace',
            )
        if request.name and request.name != node:
            raise refuse(
                request, "can only access node lease with the same name as the requesting node"
            )

    def _token(self, request: AdmissionRequest, node: str) -> None:
        reference = ((request.obj or {}).get("spec") or {}).get("boundObjectRef") or {}
        if reference.get("kind") != "Pod" or not reference.get("name"):
            raise refuse(request, "node requested token not bound to a pod")
        if not reference.get("uid"):
            raise refuse(request, "node requested token with a pod binding without a uid")
        pod = self._live.get(PODS, request.namespace, reference["name"])
        if pod is None or pod["metadata"]["uid"] != reference["uid"]:
            raise refuse(request, "node requested token bound to a pod that does not exist")
        if pod["spec"].get("nodeName") != node:
            raise refuse(
                request, "node requested token bound to a pod scheduled on a different node"
            )
