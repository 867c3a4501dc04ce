"""Who may do what, as kubectl shows it over HTTPS."""

from __future__ import annotations

from grappe.testing.cluster import TestCluster
from tests.cluster.people import administrator, kubernetes_client, person


async def test_a_stranger_may_look_at_the_api_and_nothing_else(cluster: TestCluster) -> None:
    jane = await person(cluster, "jane")
    assert "deployments" in await jane("api-resources")
    refused = await jane.run("get", "pods")
    assert refused.err == (
        'Error from server (Forbidden): pods is forbidden: User "jane" cannot list resource '
        '"pods" in API group "" in the namespace "default"\n'
    )
    whoami = await jane("auth", "whoami")
    assert "jane" in whoami
    assert "system:authenticated" in whoami


async def test_a_role_given_with_kubectl_counts_at_once(cluster: TestCluster) -> None:
    admin, jane = await administrator(cluster), await person(cluster, "jane", "devs")
    await admin("create", "role", "reader", "--verb=get,list", "--resource=pods")
    await admin("create", "rolebinding", "readers", "--role=reader", "--group=devs")
    assert "No resources found" in (await jane.run("get", "pods")).err
    assert (await jane("auth", "can-i", "list", "pods")).strip() == "yes"
    denied = await jane.run("auth", "can-i", "delete", "pods")
    assert (denied.code, denied.out.strip()) == (1, "no")
    assert "pods" in await jane("auth", "can-i", "--list")
    await admin("delete", "rolebinding", "readers")
    assert (await jane.run("get", "pods")).code == 1


async def test_acting_as_another_user(cluster: TestCluster) -> None:
    admin, jane = await administrator(cluster), await person(cluster, "jane")
    refused = await admin.run("get", "pods", "--as=joe", "--as-group=devs")
    assert 'User "joe" cannot list resource "pods"' in refused.err
    refused = await jane.run("get", "pods", "--as=joe")
    assert 'User "jane" cannot impersonate resource "users"' in refused.err


async def test_nobody_grants_what_they_do_not_hold(cluster: TestCluster) -> None:
    admin, jane = await administrator(cluster), await person(cluster, "jane")
    await admin("create", "rolebinding", "jane", "--clusterrole=admin", "--user=jane")
    await jane("create", "role", "pods", "--verb=get", "--resource=pods")
    refused = await jane.run("create", "role", "nodes", "--verb=get", "--resource=nodes")
    assert (
        'user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC' in refused.err
    )
    assert '{APIGroups:[""], Resources:["nodes"], Verbs:["get"]}' in refused.err
    refused = await jane.run(
        "create", "rolebinding", "x", "--clusterrole=cluster-admin", "--user=x"
    )
    assert "is attempting to grant RBAC permissions not currently held" in refused.err
    await jane("create", "rolebinding", "y", "--clusterrole=view", "--user=y")


async def test_the_default_roles_are_there_and_put_right_at_the_next_start(
    cluster: TestCluster,
) -> None:
    admin = await administrator(cluster)
    roles = await admin("get", "clusterroles", "-o", "name")
    for name in ("cluster-admin", "admin", "edit", "view", "system:node", "system:discovery"):
        assert f"clusterrole.rbac.authorization.k8s.io/{name}\n" in roles
    patch = '{"rules":[],"metadata":{"labels":{"mine":"1"}}}'
    await admin("patch", "clusterrole", "system:discovery", "--type=merge", "-p", patch)
    await cluster.api.stop()
    await cluster.api.start()
    role = await admin("get", "clusterrole", "system:discovery", "-o", "yaml")
    assert "/openapi/*" in role
    assert "mine:" in role
    revision = cluster.store.revision
    await cluster.api.stop()
    await cluster.api.start()
    assert cluster.store.revision == revision


async def test_an_aggregated_role_shows_what_it_grants(cluster: TestCluster) -> None:
    admin, jane = await administrator(cluster), await person(cluster, "jane")
    rule = "--aggregation-rule=example.com/to-watcher=true"
    await admin("create", "clusterrole", "watcher", rule)
    await admin("create", "clusterrole", "part", "--verb=watch", "--resource=nodes")
    await admin("create", "clusterrolebinding", "w", "--clusterrole=watcher", "--user=jane")
    assert (await jane.run("auth", "can-i", "watch", "nodes")).code == 1
    await admin("label", "clusterrole", "part", "example.com/to-watcher=true")
    await jane("auth", "can-i", "watch", "nodes")
    await admin("wait", "--for=jsonpath={.rules[0].resources[0]}=nodes", "clusterrole/watcher")


async def test_the_python_client_sees_the_same_refusals(cluster: TestCluster) -> None:
    import asyncio

    from kubernetes import client

    jane = await person(cluster, "jane")

    def list_pods() -> client.ApiException | None:
        with kubernetes_client(jane.kubeconfig) as api:
            try:
                client.CoreV1Api(api).list_namespaced_pod("default")
            except client.ApiException as error:
                return error
        return None

    error = await asyncio.to_thread(list_pods)
    assert error is not None
    assert error.status == 403
    assert '"reason":"Forbidden"' in str(error.body)
