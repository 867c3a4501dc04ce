"""Which FlowSchema, of those Kubernetes makes, a request belongs to."""

from __future__ import annotations

import pytest

from grappe.apiserver.flowcontrol.objects import flow_objects
from grappe.apiserver.flowcontrol.schemas import FlowSchema, classify
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.interface import RequestInfo

AUTHENTICATED = "system:authenticated"
SCHEMAS = sorted(
    FlowSchema.of({**obj, "metadata": {**obj["metadata"], "uid": obj["metadata"]["name"]}})
    for obj in flow_objects()
    if obj["kind"] == "FlowSchema"
)
LEVELS = {
    obj["metadata"]["name"] for obj in flow_objects() if obj["kind"] == "PriorityLevelConfiguration"
}
NODE = User("system:node:a", ("system:nodes", AUTHENTICATED))
MANAGER = User("system:kube-controller-manager", (AUTHENTICATED,))
ACCOUNT = User("system:serviceaccount:web:a", ("system:serviceaccounts", AUTHENTICATED))
SYSTEM_ACCOUNT = User(
    "system:serviceaccount:kube-system:a", ("system:serviceaccounts", AUTHENTICATED)
)
ANYBODY = User("system:anonymous", ("system:unauthenticated",))


def asks(verb: str, group: str, plural: str, namespace: str = "default") -> RequestInfo:
    plural, _, subresource = plural.partition("/")
    return RequestInfo(verb, "/x", {}, True, group, "v1", namespace, plural, "", subresource)


PODS = asks("create", "", "pods")
LEASES = asks("update", "coordination.k8s.io", "leases")


@pytest.mark.parametrize(
    ("user", "info", "schema"),
    [
        (User("admin", ("system:masters",)), PODS, "exempt"),
        (ANYBODY, RequestInfo("get", "/readyz"), "probes"),
        (ANYBODY, RequestInfo("get", "/version"), "global-default"),
        (NODE, PODS, "system-nodes"),
        (NODE, asks("patch", "", "nodes/status", ""), "system-node-high"),
        (NODE, LEASES, "system-node-high"),
        (MANAGER, LEASES, "system-leader-election"),
        (MANAGER, PODS, "kube-controller-manager"),
        (MANAGER, asks("update", "", "endpoints"), "kube-controller-manager"),
        (User("system:kube-scheduler", (AUTHENTICATED,)), PODS, "kube-scheduler"),
        (SYSTEM_ACCOUNT, PODS, "kube-system-service-accounts"),
        (ACCOUNT, PODS, "service-accounts"),
        (ACCOUNT, LEASES, "service-accounts"),
        (User("jane", (AUTHENTICATED,)), PODS, "global-default"),
    ],
)
def test_who_belongs_where(user: User, info: RequestInfo, schema: str) -> None:
    found = classify(SCHEMAS, user, info)
    assert found is not None
    assert found.name == schema
    assert found.level in LEVELS


def test_who_belongs_nowhere_has_no_schema() -> None:
    assert classify(SCHEMAS, User("jane"), PODS) is None


def test_flows_are_told_apart_by_user_or_namespace() -> None:
    accounts = classify(SCHEMAS, ACCOUNT, PODS)
    manager = classify(SCHEMAS, MANAGER, PODS)
    assert accounts is not None
    assert manager is not None
    assert accounts.flow(ACCOUNT, PODS) == ACCOUNT.name
    assert manager.flow(MANAGER, PODS) == "default"
