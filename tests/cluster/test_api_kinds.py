"""What is particular to a kind when it is written."""

from __future__ import annotations

from typing import Any

import orjson

from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import DEPLOYMENTS, PODS, ask, deployment, pod

MERGE = {"content-type": "application/merge-patch+json"}
APPLY = {"content-type": "application/apply-patch+yaml"}
JOBS = "/apis/batch/v1/namespaces/default/jobs"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


def _job(**spec: Any) -> dict[str, Any]:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "x"}]}}
    return {"metadata": {"name": "a"}, "spec": {"template": template, **spec}}


async def test_a_job_selects_its_pods_by_its_own_uid(cluster: TestCluster) -> None:
    made = (await ask(cluster, "POST", JOBS, _job())).body
    uid = made["metadata"]["uid"]
    assert made["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    assert made["spec"]["template"]["metadata"]["labels"] == {
        "controller-uid": uid,
        "job-name": "a",
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": "a",
    }


async def test_a_job_with_a_selector_of_its_own_keeps_it(cluster: TestCluster) -> None:
    job = _job(manualSelector=True, selector={"matchLabels": {"x": "y"}})
    job["spec"]["template"]["metadata"] = {"labels": {"x": "y"}}
    made = (await ask(cluster, "POST", JOBS, job)).body
    assert made["spec"]["selector"] == {"matchLabels": {"x": "y"}}


async def test_a_namespace_carries_its_name_as_a_label_that_stays(cluster: TestCluster) -> None:
    made = (await ask(cluster, "POST", "/api/v1/namespaces", {"metadata": {"name": "team"}})).body
    assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": "team"}
    assert made["status"] == {"phase": "Active"}
    assert made["spec"] == {"finalizers": ["kubernetes"]}
    patch = {"metadata": {"labels": None}, "spec": {"finalizers": []}}
    changed = (await ask(cluster, "PATCH", "/api/v1/namespaces/team", patch, MERGE)).body
    assert changed["metadata"]["labels"] == {"kubernetes.io/metadata.name": "team"}
    assert changed["spec"] == {"finalizers": ["kubernetes"]}


async def test_a_claim_is_pending(cluster: TestCluster) -> None:
    claim = {
        "metadata": {"name": "a"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    path = "/api/v1/namespaces/default/persistentvolumeclaims"
    assert (await ask(cluster, "POST", path, claim)).body["status"] == {"phase": "Pending"}


async def test_annotations_of_a_deployment_count_as_a_change(cluster: TestCluster) -> None:
    await ask(cluster, "POST", DEPLOYMENTS, deployment("a"))
    patch = {"metadata": {"annotations": {"x": "y"}}}
    changed = (await ask(cluster, "PATCH", f"{DEPLOYMENTS}/a", patch, MERGE)).body
    assert changed["metadata"]["generation"] == 2


async def test_an_endpoint_slice_counts_changes_of_its_endpoints(cluster: TestCluster) -> None:
    sent: dict[str, Any] = {
        "metadata": {"name": "a"},
        "addressType": "IPv4",
        "endpoints": [],
        "ports": [],
    }
    made = (await ask(cluster, "POST", SLICES, sent)).body
    assert made["metadata"]["generation"] == 1
    patch: dict[str, Any] = {"endpoints": [{"addresses": ["10.0.0.1"]}]}
    made = (await ask(cluster, "PATCH", f"{SLICES}/a", patch, MERGE)).body
    assert made["metadata"]["generation"] == 2
    patch = {"metadata": {"annotations": {"x": "y"}}}
    made = (await ask(cluster, "PATCH", f"{SLICES}/a", patch, MERGE)).body
    assert made["metadata"]["generation"] == 2


async def test_the_status_of_a_pod_keeps_its_quality_of_service(cluster: TestCluster) -> None:
    made = (await ask(cluster, "POST", PODS, pod("a"))).body
    made["status"] = {"phase": "Running"}
    made = (await ask(cluster, "PUT", f"{PODS}/a/status", made)).body
    assert made["status"] == {"phase": "Running", "qosClass": "BestEffort"}


async def test_a_status_is_applied_apart_from_the_spec(cluster: TestCluster) -> None:
    await ask(cluster, "POST", DEPLOYMENTS, deployment("a"))
    applied = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a"},
        "spec": {"replicas": 9},
        "status": {"replicas": 1, "readyReplicas": 1},
    }
    path, body = f"{DEPLOYMENTS}/a/status", orjson.dumps(applied)
    reply = await ask(cluster, "PATCH", path, body, APPLY, fieldManager="me", force="true")
    assert reply.status == 200
    assert reply.body["status"]["readyReplicas"] == 1
    assert reply.body["spec"]["replicas"] == 1
    (entry,) = (e for e in reply.body["metadata"]["managedFields"] if e["manager"] == "me")
    assert entry["subresource"] == "status"
    assert entry["fieldsV1"] == {"f:status": {"f:readyReplicas": {}, "f:replicas": {}}}
    found = (await ask(cluster, "GET", f"{DEPLOYMENTS}/a")).body
    assert found["metadata"]["generation"] == 1


async def test_owners_named_twice_count_once(cluster: TestCluster) -> None:
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "o", "uid": "1-2-3"}
    sent = pod("a")
    sent["metadata"]["ownerReferences"] = [owner, {**owner}]
    reply = await ask(cluster, "POST", PODS, sent)
    assert reply.status == 201
    assert reply.body["metadata"]["ownerReferences"] == [owner]
    assert "ownerReferences contains duplicate entries" in reply.headers["Warning"]


async def test_label_keys_of_a_new_pod_become_part_of_its_selectors(cluster: TestCluster) -> None:
    selector = {"matchLabels": {"app": "x"}}
    term = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": selector,
        "matchLabelKeys": ["pod-template-hash", "missing"],
        "mismatchLabelKeys": ["tenant"],
    }
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": selector,
        "matchLabelKeys": ["pod-template-hash"],
    }
    preferred = [{"weight": 1, "podAffinityTerm": {"topologyKey": "zone", "matchLabelKeys": []}}]
    sent = pod(
        "keys",
        affinity={
            "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]},
            "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred},
        },
        topologySpreadConstraints=[spread],
    )
    sent["metadata"]["labels"] = {"pod-template-hash": "abc", "tenant": "t"}
    reply = await ask(cluster, "POST", PODS, sent)
    assert reply.status == 201, reply.body
    made = reply.body["spec"]
    hashed = {"key": "pod-template-hash", "operator": "In", "values": ["abc"]}
    affinity = made["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert affinity[0]["labelSelector"]["matchExpressions"] == [
        hashed,
        {"key": "tenant", "operator": "NotIn", "values": ["t"]},
    ]
    assert made["topologySpreadConstraints"][0]["labelSelector"] == {
        **selector,
        "matchExpressions": [hashed],
    }
    # What is merged once is not merged again by an update.
    labels = {"metadata": {"labels": {"more": "x"}}}
    patched = (await ask(cluster, "PATCH", f"{PODS}/keys", labels, MERGE)).body
    assert patched["spec"]["affinity"] == made["affinity"]


async def test_a_label_may_be_a_key_or_in_the_selector_but_not_both(cluster: TestCluster) -> None:
    spread = {
        "maxSkew": 1,
        "topologyKey": "zone",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": "x"}},
        "matchLabelKeys": ["app"],
    }
    sent = pod("both", topologySpreadConstraints=[spread])
    sent["metadata"]["labels"] = {"app": "x"}
    reply = await ask(cluster, "POST", PODS, sent)
    assert reply.status == 422
    assert reply.message == (
        'Pod "both" is invalid: spec.topologySpreadConstraints[0][0]: Invalid value: "app": '
        "exists in both matchLabelKeys and labelSelector"
    )


async def test_a_gated_pod_says_so_until_its_gates_are_gone(cluster: TestCluster) -> None:
    sent = pod("gated", schedulingGates=[{"name": "a.b/c"}])
    made = (await ask(cluster, "POST", PODS, sent)).body
    [condition] = made["status"]["conditions"]
    assert (condition["type"], condition["status"]) == ("PodScheduled", "False")
    assert condition["reason"] == "SchedulingGated"
    none = {"spec": {"schedulingGates": []}}
    opened = await ask(cluster, "PATCH", f"{PODS}/gated", none, MERGE)
    assert opened.status == 200
    binding = {"target": {"name": "n"}}
    assert (await ask(cluster, "POST", f"{PODS}/gated/binding", binding)).status == 201
    bound = (await ask(cluster, "GET", f"{PODS}/gated")).body
    [condition] = bound["status"]["conditions"]
    assert (condition["type"], condition["status"]) == ("PodScheduled", "True")
