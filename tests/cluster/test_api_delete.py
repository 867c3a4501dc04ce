"""DELETE: at once, gracefully, behind finalizers, by collection."""

from __future__ import annotations

from typing import Any

import pytest

from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import CONFIG_MAPS, PODS, ask, config_map, pod


async def _bound_pod(cluster: TestCluster, name: str = "a", **spec: Any) -> dict[str, Any]:
    await ask(cluster, "POST", PODS, pod(name, **spec))
    binding = {"metadata": {"name": name}, "target": {"kind": "Node", "name": "n1"}}
    assert (await ask(cluster, "POST", f"{PODS}/{name}/binding", binding)).status == 201
    found: dict[str, Any] = (await ask(cluster, "GET", f"{PODS}/{name}")).body
    return found


async def test_a_plain_object_is_gone_at_once(cluster: TestCluster) -> None:
    made = (await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))).body
    reply = await ask(cluster, "DELETE", f"{CONFIG_MAPS}/a")
    assert reply.status == 200
    assert reply.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]},
    }
    assert (await ask(cluster, "GET", f"{CONFIG_MAPS}/a")).status == 404
    assert (await ask(cluster, "DELETE", f"{CONFIG_MAPS}/a")).status == 404


async def test_preconditions_protect_against_deleting_another_object(
    cluster: TestCluster,
) -> None:
    made = (await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))).body
    for wanted in ({"uid": "other"}, {"resourceVersion": "1"}):
        reply = await ask(cluster, "DELETE", f"{CONFIG_MAPS}/a", {"preconditions": wanted})
        assert reply.status == 409
        assert "in the precondition" in reply.message
    metadata = made["metadata"]
    right = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
    reply = await ask(cluster, "DELETE", f"{CONFIG_MAPS}/a", {"preconditions": right})
    assert reply.status == 200


async def test_a_running_pod_is_marked_and_goes_when_its_node_confirms(
    cluster: TestCluster,
) -> None:
    await _bound_pod(cluster)
    marked = (await ask(cluster, "DELETE", f"{PODS}/a")).body
    assert marked["kind"] == "Pod"
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 30
    assert marked["metadata"]["deletionTimestamp"] > marked["metadata"]["creationTimestamp"]
    again = (await ask(cluster, "DELETE", f"{PODS}/a")).body
    assert again["metadata"]["resourceVersion"] == marked["metadata"]["resourceVersion"]
    reply = await ask(cluster, "DELETE", f"{PODS}/a", {"gracePeriodSeconds": 0})
    assert reply.status == 200
    assert (await ask(cluster, "GET", f"{PODS}/a")).status == 404


async def test_a_later_request_shortens_the_grace_period_but_never_lengthens_it(
    cluster: TestCluster,
) -> None:
    await _bound_pod(cluster, terminationGracePeriodSeconds=60)
    metadata = (await ask(cluster, "DELETE", f"{PODS}/a")).body["metadata"]
    assert metadata["deletionGracePeriodSeconds"] == 60
    metadata = (await ask(cluster, "DELETE", f"{PODS}/a", gracePeriodSeconds="5")).body["metadata"]
    assert metadata["deletionGracePeriodSeconds"] == 5
    metadata = (await ask(cluster, "DELETE", f"{PODS}/a", gracePeriodSeconds="90")).body["metadata"]
    assert metadata["deletionGracePeriodSeconds"] == 5


async def test_a_pod_no_node_has_seen_is_gone_at_once(cluster: TestCluster) -> None:
    await ask(cluster, "POST", PODS, pod("a"))
    assert (await ask(cluster, "DELETE", f"{PODS}/a")).body["kind"] == "Pod"
    assert (await ask(cluster, "GET", f"{PODS}/a")).status == 404


async def test_finalizers_hold_an_object_until_they_are_gone(cluster: TestCluster) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a", finalizers=["example.com/hold"]))
    marked = (await ask(cluster, "DELETE", f"{CONFIG_MAPS}/a")).body
    assert marked["kind"] == "ConfigMap"
    assert marked["metadata"]["deletionTimestamp"]
    assert (await ask(cluster, "GET", f"{CONFIG_MAPS}/a")).status == 200
    marked["metadata"]["finalizers"] = ["example.com/hold", "example.com/new"]
    reply = await ask(cluster, "PUT", f"{CONFIG_MAPS}/a", marked)
    assert reply.status == 422
    assert "no new finalizers can be added if the object is being deleted" in reply.message
    marked["metadata"]["finalizers"] = []
    assert (await ask(cluster, "PUT", f"{CONFIG_MAPS}/a", marked)).status == 200
    assert (await ask(cluster, "GET", f"{CONFIG_MAPS}/a")).status == 404


@pytest.mark.parametrize(
    ("policy", "finalizer"), [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")]
)
async def test_propagation_leaves_a_finalizer_for_the_garbage_collector(
    cluster: TestCluster, policy: str, finalizer: str
) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))
    reply = await ask(cluster, "DELETE", f"{CONFIG_MAPS}/a", {"propagationPolicy": policy})
    assert reply.body["metadata"]["finalizers"] == [finalizer]
    assert (await ask(cluster, "GET", f"{CONFIG_MAPS}/a")).status == 200


async def test_a_job_leaves_its_pods_behind_unless_told_otherwise(cluster: TestCluster) -> None:
    path = "/apis/batch/v1/namespaces/default/jobs"
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "x"}]}}
    job = {"metadata": {"name": "a"}, "spec": {"template": template}}
    await ask(cluster, "POST", path, job)
    reply = await ask(cluster, "DELETE", f"{path}/a")
    assert reply.body["metadata"]["finalizers"] == ["orphan"]
    assert "child pods are preserved by default" in reply.headers["Warning"]
    reply = await ask(cluster, "DELETE", f"{path}/a", {"propagationPolicy": "Background"})
    assert reply.body["status"] == "Success"
    assert "Warning" not in reply.headers


async def test_an_unknown_propagation_policy_is_invalid(cluster: TestCluster) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))
    reply = await ask(cluster, "DELETE", f"{CONFIG_MAPS}/a", {"propagationPolicy": "Sideways"})
    assert reply.status == 422


async def test_a_collection_is_deleted_by_selector(cluster: TestCluster) -> None:
    for name, team in (("a", "x"), ("b", "x"), ("c", "y")):
        await ask(cluster, "POST", CONFIG_MAPS, config_map(name, labels={"team": team}))
    reply = await ask(cluster, "DELETE", CONFIG_MAPS, labelSelector="team=x")
    assert reply.body["kind"] == "ConfigMapList"
    assert [item["metadata"]["name"] for item in reply.body["items"]] == ["a", "b"]
    left = await ask(cluster, "GET", CONFIG_MAPS)
    assert [item["metadata"]["name"] for item in left.body["items"]] == ["c"]


async def test_a_dry_run_deletes_nothing(cluster: TestCluster) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))
    assert (await ask(cluster, "DELETE", f"{CONFIG_MAPS}/a", dryRun="All")).status == 200
    assert (await ask(cluster, "GET", f"{CONFIG_MAPS}/a")).status == 200


async def test_a_namespace_stays_terminating_until_it_is_finalized(cluster: TestCluster) -> None:
    await ask(cluster, "POST", "/api/v1/namespaces", {"metadata": {"name": "team"}})
    marked = (await ask(cluster, "DELETE", "/api/v1/namespaces/team")).body
    assert marked["status"]["phase"] == "Terminating"
    assert marked["spec"] == {"finalizers": ["kubernetes"]}
    path = "/api/v1/namespaces/team/configmaps"
    reply = await ask(cluster, "POST", path, config_map("a"))
    assert reply.status == 403
    assert "because it is being terminated" in reply.message
    marked["spec"] = {"finalizers": []}
    reply = await ask(cluster, "PUT", "/api/v1/namespaces/team/finalize", marked)
    assert reply.status == 200
    assert (await ask(cluster, "GET", "/api/v1/namespaces/team")).status == 404


async def test_nothing_can_be_created_in_a_namespace_that_does_not_exist(
    cluster: TestCluster,
) -> None:
    reply = await ask(cluster, "POST", "/api/v1/namespaces/none/configmaps", config_map("a"))
    assert reply.status == 404
    assert reply.message == 'namespaces "none" not found'


@pytest.mark.parametrize("seconds", [10**12, 2**63 - 1])
async def test_a_grace_period_without_end_ends_in_a_hundred_years(
    cluster: TestCluster, seconds: int
) -> None:
    """Whether the pod or the client asks for it; it can be cut short all the same."""
    sent = pod("own", nodeName="n", terminationGracePeriodSeconds=seconds)
    await ask(cluster, "POST", PODS, sent)
    await ask(cluster, "POST", PODS, pod("asked", nodeName="n"))
    own = await ask(cluster, "DELETE", f"{PODS}/own")
    asked = await ask(cluster, "DELETE", f"{PODS}/asked", {"gracePeriodSeconds": seconds})
    for reply in (own, asked):
        assert reply.status == 200, reply.body
        assert reply.body["metadata"]["deletionGracePeriodSeconds"] == 100 * 365 * 86400
    for name in ("own", "asked"):
        gone = await ask(cluster, "DELETE", f"{PODS}/{name}", {"gracePeriodSeconds": 0})
        assert gone.status == 200
        assert (await ask(cluster, "GET", f"{PODS}/{name}")).status == 404


async def _listed(cluster: TestCluster, *names: str) -> None:
    for name in names:
        reply = await ask(cluster, "POST", CONFIG_MAPS, config_map(name, labels={"mine": "yes"}))
        assert reply.status == 201


def _names(body: dict[str, Any]) -> list[str]:
    return [item["metadata"]["name"] for item in body["items"]]


MINE = {"labelSelector": "mine=yes"}


async def test_a_collection_is_deleted_page_by_page(cluster: TestCluster) -> None:
    await _listed(cluster, "a", "b", "c")
    first = await ask(cluster, "DELETE", CONFIG_MAPS, limit="2", **MINE)
    assert (first.status, first.body["kind"]) == (200, "ConfigMapList")
    assert _names(first.body) == ["a", "b"]
    token = first.body["metadata"]["continue"]
    left = (await ask(cluster, "GET", CONFIG_MAPS, None, None, **MINE)).body
    assert _names(left) == ["c"]
    last = await ask(cluster, "DELETE", CONFIG_MAPS, limit="2", **MINE, **{"continue": token})
    assert (_names(last.body), "continue" in last.body["metadata"]) == (["c"], False)


async def test_a_collection_of_the_past_is_deleted_where_it_still_is(cluster: TestCluster) -> None:
    await _listed(cluster, "a", "b")
    then = str(cluster.store.revision)
    await ask(cluster, "DELETE", f"{CONFIG_MAPS}/a")
    await _listed(cluster, "c")
    exact = {"resourceVersion": then, "resourceVersionMatch": "Exact"}
    reply = await ask(cluster, "DELETE", CONFIG_MAPS, **exact, **MINE)
    assert _names(reply.body) == ["a", "b"]
    assert reply.body["metadata"]["resourceVersion"] == then
    assert _names((await ask(cluster, "GET", CONFIG_MAPS, **MINE)).body) == ["c"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"resourceVersionMatch": "Exact"}, 422),
        ({"resourceVersion": "9999999"}, 504),
        ({"continue": "x"}, 400),
        ({"limit": "many"}, 400),
        ({"propagationPolicy": "Never"}, 422),
    ],
)
async def test_a_collection_that_cannot_be_listed_is_left_alone(
    cluster: TestCluster, query: dict[str, str], code: int
) -> None:
    await _listed(cluster, "a")
    assert (await ask(cluster, "DELETE", CONFIG_MAPS, **query)).status == code
    assert (await ask(cluster, "GET", f"{CONFIG_MAPS}/a")).status == 200


async def test_options_in_the_body_are_all_the_options(cluster: TestCluster) -> None:
    await _listed(cluster, "a", "b")
    body = {"kind": "DeleteOptions", "apiVersion": "v1"}
    assert (await ask(cluster, "DELETE", f"{CONFIG_MAPS}/a", body, dryRun="All")).status == 200
    assert (await ask(cluster, "GET", f"{CONFIG_MAPS}/a")).status == 404
    assert (await ask(cluster, "DELETE", f"{CONFIG_MAPS}/b", dryRun="All")).status == 200
    assert (await ask(cluster, "GET", f"{CONFIG_MAPS}/b")).status == 200


async def test_what_is_not_gone_at_once_is_accepted_where_asked_for(cluster: TestCluster) -> None:
    await _bound_pod(cluster)
    body = {"orphanDependents": False}
    assert (await ask(cluster, "DELETE", f"{PODS}/a", body)).status == 202
    await _listed(cluster, "a")
    assert (await ask(cluster, "DELETE", f"{CONFIG_MAPS}/a", body)).status == 200
