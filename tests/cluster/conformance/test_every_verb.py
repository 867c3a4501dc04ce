"""Kinds of which every verb must work: found by discovery, created, read, listed, watched, updated,
patched, their status changed, deleted one by one and as a collection."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import pytest

from tests.cluster.conformance.conftest import Api

Object = dict[str, Any]


class Case(NamedTuple):
    """`path` ends with the collection; `status`: what its status subresource is given."""

    kind: str
    group_version: str
    plural: str
    namespaced: bool
    body: Object
    status: Object | None = None


POD = {
    "metadata": {"labels": {"app": "x"}},
    "spec": {"containers": [{"name": "c", "image": "i:1"}], "restartPolicy": "Never"},
}
CONDITION = {
    "type": "Checked",
    "status": "True",
    "reason": "Test",
    "message": "here",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}
CASES = [
    Case(
        "FlowSchema", "flowcontrol.apiserver.k8s.io/v1", "flowschemas", False,
        {"spec": {
            "matchingPrecedence": 1000,
            "priorityLevelConfiguration": {"name": "exempt"},
            "distinguisherMethod": {"type": "ByUser"},
            "rules": [{
                "subjects": [{"kind": "User", "user": {"name": "someone"}}],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
            }],
        }},
        {"conditions": [CONDITION]},
    ),
    Case(
        "PriorityLevelConfiguration", "flowcontrol.apiserver.k8s.io/v1",
        "prioritylevelconfigurations", False,
        {"spec": {
            "type": "Limited",
            "limited": {"nominalConcurrencyShares": 2, "limitResponse": {"type": "Reject"}},
        }},
        {"conditions": [CONDITION]},
    ),
    Case(
        "ValidatingWebhookConfiguration", "admissionregistration.k8s.io/v1",
        "validatingwebhookconfigurations", False, {"webhooks": []},
    ),
    Case(
        "MutatingWebhookConfiguration", "admissionregistration.k8s.io/v1",
        "mutatingwebhookconfigurations", False, {"webhooks": []},
    ),
    Case("PodTemplate", "v1", "podtemplates", True, {"template": POD}),
    Case("ServiceAccount", "v1", "serviceaccounts", True, {}),
    Case(
        "Lease", "coordination.k8s.io/v1", "leases", True,
        {"spec": {
            "holderIdentity": "me",
            "leaseDurationSeconds": 30,
            "acquireTime": "2026-01-01T00:00:00.000000Z",
            "renewTime": "2026-01-01T00:00:00.000000Z",
            "leaseTransitions": 0,
        }},
    ),
    Case(
        "EndpointSlice", "discovery.k8s.io/v1", "endpointslices", True,
        {"addressType": "IPv4", "endpoints": [], "ports": [{"name": "a", "port": 80}]},
    ),
    Case(
        "Ingress", "networking.k8s.io/v1", "ingresses", True,
        {"spec": {"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}}},
        {"loadBalancer": {"ingress": [{"ip": "169.1.1.1"}]}},
    ),
    Case(
        "IngressClass", "networking.k8s.io/v1", "ingressclasses", False,
        {"spec": {"controller": "example.com/c"}},
    ),
    Case(
        "RuntimeClass", "node.k8s.io/v1", "runtimeclasses", False, {"handler": "h"},
    ),
    Case(
        "PodDisruptionBudget", "policy/v1", "poddisruptionbudgets", True,
        {"spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "x"}}}},
        {"observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": 0,
         "desiredHealthy": 1, "expectedPods": 0},
    ),
    Case(
        "CronJob", "batch/v1", "cronjobs", True,
        {"spec": {"schedule": "* * * * *", "suspend": True,
                  "jobTemplate": {"spec": {"template": POD}}}},
        {"lastScheduleTime": "2026-01-01T00:00:00Z"},
    ),
    Case(
        "ControllerRevision", "apps/v1", "controllerrevisions", True,
        {"revision": 1, "data": {"a": 1}},
    ),
    Case(
        "ReplicationController", "v1", "replicationcontrollers", True,
        {"spec": {"replicas": 0, "selector": {"app": "x"},
                  "template": {**POD, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}}},
        {"replicas": 0, "conditions": [{"type": "Checked", "status": "True"}]},
    ),
]  # fmt: skip


def collection(case: Case, everywhere: bool = False) -> str:
    root = "/api" if "/" not in case.group_version else "/apis"
    where = "/namespaces/default" if case.namespaced and not everywhere else ""
    return f"{root}/{case.group_version}{where}/{case.plural}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.plural)
async def test_every_verb_works(api: Api, case: Case) -> None:
    await found_by_discovery(api, case)
    path, everywhere = collection(case), collection(case, everywhere=True)

    def new(name: str) -> Object:
        meta = {"name": name, "labels": {"test": "yes"}}
        return {"apiVersion": case.group_version, "kind": case.kind, "metadata": meta, **case.body}

    made = await api.ok("POST", path, new("a"))
    status = case.status
    if case.kind == "FlowSchema":
        made = await judged(api, f"{path}/a")
        status = {"conditions": [*made["status"]["conditions"], CONDITION]}
    revision = made["metadata"]["resourceVersion"]
    assert await api.ok("GET", f"{path}/a") == made
    for where in (path, everywhere):
        listed = await api.ok("GET", where, labelSelector="test=yes")
        assert listed["kind"] == f"{case.kind}List"
        assert [item["metadata"]["name"] for item in listed["items"]] == ["a"]
    updated = await api.ok(
        "PUT",
        f"{path}/a",
        {**made, "metadata": {**made["metadata"], "annotations": {"updated": "yes"}}},
    )
    assert updated["metadata"]["annotations"] == {"updated": "yes"}
    patched = await api.merge(f"{path}/a", {"metadata": {"annotations": {"patched": "yes"}}})
    assert patched["metadata"]["annotations"] == {"updated": "yes", "patched": "yes"}
    if status is not None:
        await status_works(api, f"{path}/a", status)
    await api.ok("DELETE", f"{path}/a", propagationPolicy="Background")
    assert (await api("GET", f"{path}/a")).status == 404
    events = await api.events(
        3 if case.status is None else 5, everywhere, resourceVersion=revision,
        labelSelector="test=yes",
    )  # fmt: skip
    assert [kind for kind, _ in events] == ["MODIFIED"] * (len(events) - 1) + ["DELETED"]
    assert {obj["metadata"]["uid"] for _, obj in events} == {made["metadata"]["uid"]}

    for name in ("b", "c"):
        await api.ok("POST", path, new(name))
    other = new("kept")
    del other["metadata"]["labels"]
    await api.ok("POST", path, other)
    await api.ok("DELETE", path, labelSelector="test=yes", propagationPolicy="Background")
    assert (await api.ok("GET", path, labelSelector="test=yes"))["items"] == []
    await api.ok("GET", f"{path}/kept")


async def found_by_discovery(api: Api, case: Case) -> None:
    group, _, version = case.group_version.rpartition("/")
    root = "/api/v1"
    if group:
        groups = (await api.ok("GET", "/apis"))["groups"]
        named = next(g for g in groups if g["name"] == group)
        versions = [v["groupVersion"] for v in named["versions"]]
        assert case.group_version in versions
        alone = await api.ok("GET", f"/apis/{group}")
        assert {"groupVersion": case.group_version, "version": version} in alone["versions"]
        root = f"/apis/{case.group_version}"
    resources = {r["name"]: r for r in (await api.ok("GET", root))["resources"]}
    verbs = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
    assert resources[case.plural]["kind"] == case.kind
    assert resources[case.plural]["namespaced"] is case.namespaced
    assert verbs <= set(resources[case.plural]["verbs"])
    if case.status is not None:
        assert {"get", "patch", "update"} <= set(resources[f"{case.plural}/status"]["verbs"])


async def judged(api: Api, path: str) -> Object:
    """A FlowSchema once the server has said whether its priority level is there."""
    async with asyncio.timeout(20):
        while True:
            found: Object = await api.ok("GET", path)
            if (found.get("status") or {}).get("conditions"):
                return found


async def status_works(api: Api, path: str, status: Object) -> None:
    """Read, patched and updated through the subresource, which changes nothing else."""
    patch = {"metadata": {"annotations": {"status": "patched"}}, "status": status}
    patched = await api.merge(f"{path}/status", patch)
    assert holds(patched["status"], status)
    shown = await api.ok("GET", f"{path}/status")
    assert shown["status"] == patched["status"]
    meta = {**shown["metadata"], "annotations": {"status": "updated"}}
    updated = await api.ok("PUT", f"{path}/status", {**shown, "metadata": meta})
    assert holds(updated["status"], status)
    assert updated.get("spec") == shown.get("spec")


def holds(whole: Any, part: Any) -> bool:
    """Whether what `part` says is in `whole`."""
    if isinstance(part, dict):
        return all(key in whole and holds(whole[key], value) for key, value in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(holds, whole, part))
    return bool(whole == part)
