"""PUT: optimistic concurrency, what an update may reach, and what it must not change."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    PODS,
    ask,
    config_map,
    deployment,
    pod,
)

LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"


async def test_an_update_from_the_newest_state_succeeds(cluster: TestCluster) -> None:
    made = (await ask(cluster, "POST", CONFIG_MAPS, config_map("a", {"k": "1"}))).body
    made["data"] = {"k": "2"}
    reply = await ask(cluster, "PUT", f"{CONFIG_MAPS}/a", made)
    assert reply.status == 200
    assert reply.body["data"] == {"k": "2"}
    assert int(reply.body["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
    assert reply.body["metadata"]["uid"] == made["metadata"]["uid"]


async def test_an_update_from_an_older_state_is_a_conflict(cluster: TestCluster) -> None:
    made = (await ask(cluster, "POST", CONFIG_MAPS, config_map("a", {"k": "1"}))).body
    await ask(cluster, "PUT", f"{CONFIG_MAPS}/a", {**made, "data": {"k": "2"}})
    reply = await ask(cluster, "PUT", f"{CONFIG_MAPS}/a", {**made, "data": {"k": "3"}})
    assert reply.status == 409
    assert reply.body["reason"] == "Conflict"
    assert reply.message == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; please '
        "apply your changes to the latest version and try again"
    )


async def test_of_many_writers_from_one_state_exactly_one_wins(cluster: TestCluster) -> None:
    made = (await ask(cluster, "POST", CONFIG_MAPS, config_map("a", {"k": "0"}))).body
    replies = await asyncio.gather(
        *(
            ask(cluster, "PUT", f"{CONFIG_MAPS}/a", {**made, "data": {"k": str(n)}})
            for n in range(1, 9)
        )
    )
    assert sorted(reply.status for reply in replies) == [200] + [409] * 7


async def test_an_update_without_a_version_overwrites(cluster: TestCluster) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a", {"k": "1"}))
    reply = await ask(cluster, "PUT", f"{CONFIG_MAPS}/a", config_map("a", {"k": "2"}))
    assert reply.status == 200
    assert reply.body["data"] == {"k": "2"}


async def test_a_lease_must_say_which_state_it_updates(cluster: TestCluster) -> None:
    lease = {"metadata": {"name": "a"}, "spec": {"holderIdentity": "x"}}
    await ask(cluster, "POST", LEASES, lease)
    reply = await ask(cluster, "PUT", f"{LEASES}/a", lease)
    assert reply.status == 422
    assert reply.message == (
        'leases.coordination.k8s.io "a" is invalid: metadata.resourceVersion: '
        "Invalid value: 0x0: must be specified for an update"
    )


async def test_an_update_of_another_object_of_that_name_is_a_conflict(
    cluster: TestCluster,
) -> None:
    made = (await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))).body
    sent = config_map("a", uid="00000000-0000-0000-0000-000000000000")
    reply = await ask(cluster, "PUT", f"{CONFIG_MAPS}/a", sent)
    assert reply.status == 409
    assert f"UID in object meta: {made['metadata']['uid']}" in reply.message


async def test_an_update_of_nothing_is_not_found(cluster: TestCluster) -> None:
    reply = await ask(cluster, "PUT", f"{CONFIG_MAPS}/a", config_map("a"))
    assert reply.status == 404


async def test_an_update_creates_where_kubernetes_lets_it(cluster: TestCluster) -> None:
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/made-by-put"
    reply = await ask(cluster, "PUT", path, {"metadata": {"name": "made-by-put"}, "rules": []})
    assert reply.status == 201


async def test_names_in_body_and_url_must_agree(cluster: TestCluster) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))
    reply = await ask(cluster, "PUT", f"{CONFIG_MAPS}/a", config_map("b"))
    assert reply.status == 400
    assert reply.message == ("the name of the object (b) does not match the name on the URL (a)")


async def test_an_update_that_changes_nothing_is_not_written(cluster: TestCluster) -> None:
    made = (await ask(cluster, "POST", DEPLOYMENTS, deployment("a"))).body
    before = cluster.store.revision
    reply = await ask(cluster, "PUT", f"{DEPLOYMENTS}/a", made)
    assert reply.status == 200
    assert reply.body["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    assert cluster.store.revision == before


async def test_generation_counts_changes_of_the_spec_only(cluster: TestCluster) -> None:
    made = (await ask(cluster, "POST", DEPLOYMENTS, deployment("a"))).body
    assert made["metadata"]["generation"] == 1
    made["metadata"]["labels"] = {"x": "y"}
    made = (await ask(cluster, "PUT", f"{DEPLOYMENTS}/a", made)).body
    assert made["metadata"]["generation"] == 1
    made["spec"]["replicas"] = 3
    made = (await ask(cluster, "PUT", f"{DEPLOYMENTS}/a", made)).body
    assert made["metadata"]["generation"] == 2
    made["status"] = {"observedGeneration": 2}
    made = (await ask(cluster, "PUT", f"{DEPLOYMENTS}/a/status", made)).body
    assert made["metadata"]["generation"] == 2


async def test_a_plain_update_leaves_status_alone(cluster: TestCluster) -> None:
    made = (await ask(cluster, "POST", PODS, pod("a"))).body
    made["status"] = {"phase": "Succeeded"}
    made["metadata"]["labels"] = {"x": "y"}
    reply = await ask(cluster, "PUT", f"{PODS}/a", made)
    assert reply.body["metadata"]["labels"] == {"x": "y"}
    assert reply.body["status"]["phase"] == "Pending"


async def test_a_status_update_leaves_the_spec_alone(cluster: TestCluster) -> None:
    made = (await ask(cluster, "POST", PODS, pod("a"))).body
    made["spec"]["containers"][0]["image"] = "other"
    made["status"] = {"phase": "Running"}
    reply = await ask(cluster, "PUT", f"{PODS}/a/status", made)
    assert reply.body["spec"]["containers"][0]["image"] == "web:1"
    assert reply.body["status"] == {"phase": "Running", "qosClass": "BestEffort"}


async def test_identity_survives_an_update_that_leaves_it_out(cluster: TestCluster) -> None:
    made = (await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))).body
    reply = await ask(cluster, "PUT", f"{CONFIG_MAPS}/a", config_map("a", {"k": "v"}))
    for name in ("uid", "creationTimestamp"):
        assert reply.body["metadata"][name] == made["metadata"][name]


async def test_a_dry_run_shows_the_update_without_making_it(cluster: TestCluster) -> None:
    made = (await ask(cluster, "POST", CONFIG_MAPS, config_map("a", {"k": "1"}))).body
    sent = {**made, "data": {"k": "2"}}
    reply = await ask(cluster, "PUT", f"{CONFIG_MAPS}/a", sent, dryRun="All")
    assert reply.body["data"] == {"k": "2"}
    assert reply.body["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    assert (await ask(cluster, "GET", f"{CONFIG_MAPS}/a")).body == made


async def test_managed_fields_that_nobody_could_have_written_are_refused(
    cluster: TestCluster,
) -> None:
    made = (await ask(cluster, "POST", CONFIG_MAPS, config_map("managed", {"a": "1"}))).body
    entry = made["metadata"]["managedFields"][0]
    strange = {**entry, "manager": "x\n" * 100, "subresource": "y" * 300}
    made["metadata"]["managedFields"] = [strange]
    reply = await ask(cluster, "PUT", f"{CONFIG_MAPS}/managed", made)
    assert reply.status == 422
    causes = [(c["field"], c["reason"]) for c in reply.body["details"]["causes"]]
    manager = "metadata.managedFields[0].manager"
    assert causes[:2] == [(manager, "FieldValueTooLong"), (manager, "FieldValueInvalid")]
    assert causes[-1] == ("metadata.managedFields[0].subresource", "FieldValueTooLong")
    assert "invalid character U+000A (at position 1)" in reply.message


async def test_forgotten_ownership_comes_back_with_the_first_apply(cluster: TestCluster) -> None:
    made = (await ask(cluster, "POST", CONFIG_MAPS, config_map("reset", {"a": "1"}))).body
    made["metadata"]["managedFields"] = [{}]
    made["data"] = {"a": "2"}
    forgotten = (await ask(cluster, "PUT", f"{CONFIG_MAPS}/reset", made)).body
    assert "managedFields" not in forgotten["metadata"]
    sent = config_map("reset", {"b": "1"})
    apply = {"content-type": "application/apply-patch+yaml"}
    back = await ask(cluster, "PATCH", f"{CONFIG_MAPS}/reset", sent, apply, fieldManager="me")
    managers = {entry["manager"] for entry in back.body["metadata"]["managedFields"]}
    assert managers == {"me", "before-first-apply"}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"podIP": "10.0.0.1"}, ("10.0.0.1", ["10.0.0.1"])),
        ({"podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd::1"}]}, ("10.0.0.1", ["10.0.0.1", "fd::1"])),
        ({"podIP": "10.0.0.2", "podIPs": [{"ip": "10.0.0.1"}]}, ("10.0.0.2", ["10.0.0.2"])),
        ({}, (None, [])),
    ],
)
async def test_the_addresses_of_a_pod_agree(cluster: TestCluster, said: Any, kept: Any) -> None:
    made = (await ask(cluster, "POST", PODS, pod("a"))).body
    made["status"] |= said
    reply = await ask(cluster, "PUT", f"{PODS}/a/status", made)
    assert reply.status == 200
    status = reply.body["status"]
    assert (status.get("podIP"), [e["ip"] for e in status.get("podIPs", [])]) == kept
