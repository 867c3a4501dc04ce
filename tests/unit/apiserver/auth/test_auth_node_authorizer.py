"""What the Node authorizer allows: a node's own things, and what its pods refer to."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from grappe.api.errors import ApiError
from grappe.apiserver.auth.action import Action
from grappe.apiserver.auth.node.authorizer import NodeAuthorizer
from grappe.apiserver.http.messages import User
from grappe.store.interface import Draft
from grappe.store.memory import MemoryStore

from .conftest import Objects

N1 = User("system:node:n1", ("system:nodes", "system:authenticated"))
SIMULATED = User("grappe:simulated-nodes", ("system:nodes", "grappe:simulated-nodes"))
UNRELATED = "no relationship found between node 'n1' and this object"


class Bound(Objects):
    """Pods with the index field the registry gives them."""

    async def pod(self, name: str, node: str, uid: str = "", **spec: Any) -> None:
        body = {
            "metadata": {"name": name, "namespace": "dev", "uid": uid or name},
            "spec": {"nodeName": node, **spec},
        }
        live = self.store.get("/pods", f"dev/{name}")
        fields = {"spec.nodeName": node} if node else {}
        draft = Draft(body=orjson.dumps(body)[1:], labels={}, fields=fields)
        revision = live.revision if live else 0
        await self.store.put("/pods", f"dev/{name}", revision, lambda _: draft)


@pytest.fixture
def bound(store: MemoryStore) -> Bound:
    return Bound(store)


@pytest.fixture
def nodes(store: MemoryStore) -> NodeAuthorizer:
    return NodeAuthorizer(store)


def read(plural: str, name: str, verb: str = "get", group: str = "", **rest: Any) -> Action:
    return Action(verb, group, plural, namespace="dev", name=name, **rest)


SECRET_VOLUME: dict[str, Any] = {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}


async def test_a_node_reads_what_its_pods_refer_to(nodes: NodeAuthorizer, bound: Bound) -> None:
    assert nodes.judge(N1, read("secrets", "s")) == UNRELATED
    await bound.pod("far", "n2", **SECRET_VOLUME)
    await bound.pod("waiting", "", **SECRET_VOLUME)
    assert nodes.judge(N1, read("secrets", "s")) == UNRELATED
    await bound.pod("web", "n1", **SECRET_VOLUME)
    for verb in ("get", "list", "watch"):
        assert nodes.judge(N1, read("secrets", "s", verb)) is None
    assert nodes.judge(N1, read("secrets", "t")) == UNRELATED
    other_namespace = Action("get", "", "secrets", namespace="prod", name="s")
    assert nodes.judge(N1, other_namespace) == UNRELATED
    assert nodes.judge(N1, read("secrets", "s", "update")) == (
        "can only read resources of this type"
    )
    assert nodes.judge(N1, read("secrets", "", "list")) == "No Object name found"


async def test_a_relation_ends_with_the_pod(nodes: NodeAuthorizer, bound: Bound) -> None:
    await bound.pod("web", "n1", **SECRET_VOLUME)
    assert nodes.judge(N1, read("secrets", "s")) is None
    await bound.pod("web", "n1", **SECRET_VOLUME, hostname="changed")
    assert nodes.judge(N1, read("secrets", "s")) is None
    await bound.delete("v1", "Pod", "web", "dev")
    assert nodes.judge(N1, read("secrets", "s")) == UNRELATED
    await bound.pod("web", "n1", uid="another")
    assert nodes.judge(N1, read("secrets", "s")) == UNRELATED


async def test_volumes_and_their_secrets_come_with_claims(
    nodes: NodeAuthorizer, bound: Bound
) -> None:
    spec = {
        "claimRef": {"namespace": "dev", "name": "data"},
        "csi": {"nodeStageSecretRef": {"namespace": "store", "name": "stage"}},
    }
    await bound.put("v1", "PersistentVolume", "pv", spec=spec)
    volume, secret = (
        Action("get", "", "persistentvolumes", name="pv"),
        Action("get", "", "secrets", namespace="store", name="stage"),
    )
    assert nodes.judge(N1, volume) == UNRELATED
    assert nodes.judge(N1, secret) == UNRELATED
    claim = {"name": "v", "persistentVolumeClaim": {"claimName": "data"}}
    await bound.pod("web", "n1", volumes=[claim])
    assert nodes.judge(N1, volume) is None
    assert nodes.judge(N1, secret) is None
    assert nodes.judge(N1, read("persistentvolumeclaims", "data")) is None
    status = read("persistentvolumeclaims", "data", "patch", subresource="status")
    assert nodes.judge(N1, status) is None
    assert nodes.judge(N1, read("persistentvolumeclaims", "data", "list")) == (
        "can only get individual resources of this type"
    )


async def test_tokens_only_of_accounts_its_pods_run_as(nodes: NodeAuthorizer, bound: Bound) -> None:
    token = read("serviceaccounts", "robot", "create", subresource="token")
    assert nodes.judge(N1, token) == UNRELATED
    await bound.pod("web", "n1", serviceAccountName="robot")
    assert nodes.judge(N1, token) is None
    assert nodes.judge(N1, read("serviceaccounts", "robot", "delete")) == (
        "can only create tokens for individual service accounts"
    )


@pytest.mark.parametrize(
    ("action", "verdict"),
    [
        (Action("get", "", "nodes", name="n1"), None),
        (Action("patch", "", "nodes", "status", name="n1"), None),
        (
            Action("list", "", "nodes"),
            "node 'n1' cannot read all nodes, only its own Node object",
        ),
        (
            Action("get", "", "nodes", name="n2"),
            "node 'n1' cannot read 'n2', only its own Node object",
        ),
        (Action("delete", "", "nodes", name="n1"), ""),
        (
            Action("list", "", "pods"),
            "can only list/watch pods with spec.nodeName field selector",
        ),
        (Action("watch", "", "pods", fields=("spec.nodeName=n1",)), None),
        (
            Action("watch", "", "pods", fields=("spec.nodeName=n2",)),
            "can only list/watch pods with spec.nodeName field selector",
        ),
        (Action("create", "", "pods", "eviction", "dev", "web"), None),
        (Action("create", "", "pods", "exec", "dev", "web"), ""),
        (
            Action("update", "coordination.k8s.io", "leases", "", "dev", "n1"),
            'can only access leases in the "kube-node-lease" system namespace',
        ),
        (Action("update", "coordination.k8s.io", "leases", "", "kube-node-lease", "n1"), None),
        (
            Action("update", "coordination.k8s.io", "leases", "", "kube-node-lease", "n2"),
            "can only access node lease with the same name as the requesting node",
        ),
        (Action("create", "storage.k8s.io", "csinodes"), None),
        (
            Action("get", "storage.k8s.io", "csinodes", name="n2"),
            "can only access CSINode with the same name as the requesting node",
        ),
        (Action("create", "resource.k8s.io", "resourceslices"), None),
        (
            Action("list", "resource.k8s.io", "resourceslices"),
            "can only list/watch/deletecollection resourceslices with nodeName field selector",
        ),
        (
            Action("list", "resource.k8s.io", "resourceslices", fields=("spec.nodeName==n1",)),
            None,
        ),
        (Action("list", "", "services"), None),
        (Action("create", "", "services"), ""),
        (Action("create", "certificates.k8s.io", "certificatesigningrequests"), None),
    ],
)
def test_what_concerns_the_node_itself(
    nodes: NodeAuthorizer, action: Action, verdict: str | None
) -> None:
    assert nodes.judge(N1, action) == verdict


async def test_slices_and_attachments_of_the_node(nodes: NodeAuthorizer, bound: Bound) -> None:
    for name, node in (("mine", "n1"), ("other", "n2")):
        spec = {"nodeName": node}
        await bound.put("resource.k8s.io/v1", "ResourceSlice", name, spec=spec)
        await bound.put("storage.k8s.io/v1", "VolumeAttachment", name, spec=spec)
    for group, plural in (
        ("resource.k8s.io", "resourceslices"),
        ("storage.k8s.io", "volumeattachments"),
    ):
        assert nodes.judge(N1, Action("get", group, plural, name="mine")) is None
        assert nodes.judge(N1, Action("get", group, plural, name="other")) == UNRELATED


async def test_the_player_of_simulated_nodes_is_each_of_them(
    nodes: NodeAuthorizer, bound: Bound
) -> None:
    await bound.pod("waiting", "", **SECRET_VOLUME)
    assert nodes.judge(SIMULATED, read("secrets", "s")) is not None
    await bound.pod("far", "n2", **SECRET_VOLUME)
    assert nodes.judge(SIMULATED, read("secrets", "s")) is None
    assert nodes.judge(SIMULATED, Action("list", "", "nodes")) is None


@pytest.mark.parametrize(
    ("user", "verdict"),
    [
        (User("jane", ("system:nodes",)), ""),
        (User("system:node:n1", ("system:authenticated",)), ""),
        (User("system:node:", ("system:nodes",)), 'unknown node for user "system:node:"'),
    ],
)
def test_only_a_node_is_a_node(nodes: NodeAuthorizer, user: User, verdict: str) -> None:
    assert nodes.judge(user, Action("list", "", "services")) == verdict


async def test_a_refusal_says_why(access: Any) -> None:
    from grappe.apiserver.registry.interface import RequestInfo

    info = RequestInfo("get", "", {}, True, "", "v1", "dev", "secrets", "s")
    with pytest.raises(ApiError) as error:
        access.authorize(N1, info)
    assert error.value.message == (
        'secrets "s" is forbidden: User "system:node:n1" cannot get resource "secrets" in API '
        f'group "" in the namespace "dev": {UNRELATED}'
    )
