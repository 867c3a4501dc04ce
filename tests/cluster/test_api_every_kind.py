"""Every built-in kind goes through its whole life: created, read, listed, watched, changed in each
way, its status too, and deleted."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from grappe.api.resources import BUILTIN, Resource
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import ask
from tests.cluster.test_auth_certificates import asking

MERGE = {"content-type": "application/merge-patch+json"}
STRATEGIC = {"content-type": "application/strategic-merge-patch+json"}
APPLY = {"content-type": "application/apply-patch+yaml"}
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}

LABELS = {"app": "x"}
POD = {"containers": [{"name": "main", "image": "web:1"}]}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": POD}
ENDS = {**TEMPLATE, "spec": {**POD, "restartPolicy": "Never"}}
SELECTOR = {"matchLabels": LABELS}
RULE = {
    "apiGroups": ["apps"],
    "apiVersions": ["v1"],
    "operations": ["CREATE"],
    "resources": ["deployments"],
}
WEBHOOK = {
    "name": "hook.example.com",
    "clientConfig": {"url": "https://hook.example.com/"},
    "rules": [RULE],
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
    "failurePolicy": "Ignore",
}
SCALED = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
ROLE = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
DEVICES = {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.example.com"}}]}
VOLUME = {
    "capacity": {"storage": "1Gi"},
    "accessModes": ["ReadWriteOnce"],
    "hostPath": {"path": "/tmp/volume"},
}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}

# What a valid object of each kind holds besides its metadata.
OBJECTS: dict[str, dict[str, Any]] = {
    "configmaps": {"data": {"k": "v"}},
    "endpoints": {"subsets": []},
    "limitranges": {"spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}},
    "namespaces": {},
    "nodes": {},
    "persistentvolumeclaims": {"spec": CLAIM},
    "persistentvolumes": {"spec": VOLUME},
    "pods": {"spec": POD},
    "podtemplates": {"template": TEMPLATE},
    "replicationcontrollers": {"spec": {"selector": LABELS, "template": TEMPLATE}},
    "resourcequotas": {"spec": {"hard": {"pods": "100"}}},
    "secrets": {"data": {"k": "dg=="}},
    "serviceaccounts": {},
    "services": {"spec": {"ports": [{"port": 80}], "selector": LABELS}},
    "mutatingwebhookconfigurations": {"webhooks": [WEBHOOK]},
    "validatingwebhookconfigurations": {"webhooks": [WEBHOOK]},
    "validatingadmissionpolicies": {
        "spec": {
            "matchConstraints": {"resourceRules": [RULE]},
            "validations": [{"expression": "true"}],
        }
    },
    "validatingadmissionpolicybindings": {
        "spec": {"policyName": "p", "validationActions": ["Deny"]}
    },
    "apiservices": {
        "spec": {
            "group": "x.example.com",
            "version": "v1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "service": {"name": "s", "namespace": "default"},
            "insecureSkipTLSVerify": True,
        }
    },
    "controllerrevisions": {"revision": 1, "data": {}},
    "daemonsets": {"spec": {"selector": SELECTOR, "template": TEMPLATE}},
    "deployments": {"spec": {"selector": SELECTOR, "template": TEMPLATE}},
    "replicasets": {"spec": {"selector": SELECTOR, "template": TEMPLATE}},
    "statefulsets": {"spec": {"serviceName": "s", "selector": SELECTOR, "template": TEMPLATE}},
    "horizontalpodautoscalers": {"spec": {"maxReplicas": 3, "scaleTargetRef": SCALED}},
    "cronjobs": {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": ENDS}}}},
    "jobs": {"spec": {"template": ENDS}},
    "certificatesigningrequests": {"spec": asking("x", signerName="example.com/x")[0]["spec"]},
    "leases": {"spec": {"holderIdentity": "me", "leaseDurationSeconds": 10}},
    "endpointslices": {"addressType": "IPv4", "endpoints": [], "ports": []},
    "flowschemas": {
        "spec": {"priorityLevelConfiguration": {"name": "global-default"}, "rules": []}
    },
    "prioritylevelconfigurations": {
        "spec": {
            "type": "Limited",
            "limited": {"nominalConcurrencyShares": 5, "limitResponse": {"type": "Reject"}},
        }
    },
    "ingressclasses": {"spec": {"controller": "example.com/ingress"}},
    "ingresses": {"spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}},
    "networkpolicies": {"spec": {"podSelector": SELECTOR}},
    "servicecidrs": {"spec": {"cidrs": ["10.200.0.0/24"]}},
    "runtimeclasses": {"handler": "runc"},
    "poddisruptionbudgets": {"spec": {"minAvailable": 1, "selector": SELECTOR}},
    "clusterrolebindings": {"roleRef": ROLE, "subjects": []},
    "clusterroles": {"rules": []},
    "rolebindings": {"roleRef": ROLE, "subjects": []},
    "roles": {"rules": []},
    "deviceclasses": {"spec": {}},
    "resourceclaims": {"spec": {"devices": DEVICES}},
    "resourceclaimtemplates": {"spec": {"spec": {"devices": DEVICES}}},
    "resourceslices": {
        "spec": {
            "driver": "gpu.example.com",
            "nodeName": "n1",
            "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1},
        }
    },
    "priorityclasses": {"value": 100},
    "csidrivers": {"spec": {"attachRequired": False}},
    "csinodes": {"spec": {"drivers": []}},
    "csistoragecapacities": {"storageClassName": "s"},
    "storageclasses": {"provisioner": "example.com/x"},
    "volumeattachments": {
        "spec": {
            "attacher": "csi.example.com",
            "nodeName": "n1",
            "source": {"persistentVolumeName": "p"},
        }
    },
    "volumeattributesclasses": {"driverName": "example.com/x", "parameters": {"k": "v"}},
}
EVENT = {"reason": "Testing", "type": "Normal"}
PARTICULAR: dict[tuple[str, str], dict[str, Any]] = {
    ("", "events"): {
        **EVENT,
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
    },
    ("events.k8s.io", "events"): {
        **EVENT,
        "eventTime": "2026-01-31T12:00:00.000000Z",
        "action": "Test",
        "reportingController": "example.com/test",
        "reportingInstance": "test-1",
        "regarding": {"kind": "Pod", "name": "p", "namespace": "default"},
    },
}
# Named by what they hold, or tested where they are made: nothing a name like `a` could be.
ELSEWHERE = {"customresourcedefinitions", "ipaddresses", "mutatingadmissionpolicies"}
ELSEWHERE |= {"mutatingadmissionpolicybindings"}
NAMES = {"apiservices": "v1.x.example.com"}

KINDS = [r for r in BUILTIN if {"create", "delete"} <= set(r.verbs) and r.plural not in ELSEWHERE]


def valid_object(resource: Resource) -> dict[str, Any]:
    body = PARTICULAR.get((resource.group, resource.plural)) or OBJECTS[resource.plural]
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": NAMES.get(resource.plural, "a"), "labels": {"test": "yes"}},
        **body,
    }


@pytest.mark.parametrize("resource", KINDS, ids=lambda r: f"{r.api_version} {r.kind}")
async def test_a_kind_lives_its_life(cluster: TestCluster, resource: Resource) -> None:
    obj = valid_object(resource)
    name = obj["metadata"]["name"]
    many, one = resource.path("default"), resource.path("default", name)

    async def done(method: str, path: str, body: Any = None, **rest: Any) -> Any:
        reply = await ask(cluster, method, path, body, **rest)
        assert reply.status in (200, 201), (method, path, reply.body)
        return reply.body

    made = await done("POST", many, obj, fieldValidation="Strict")
    assert await done("GET", one) == made
    query = {"labelSelector": "test=yes"}
    listed = await done("GET", resource.path(), **query)
    assert [item["metadata"]["name"] for item in listed["items"]] == [name]
    table = await done("GET", many, headers=TABLE, **query)
    assert len(table["rows"]) == 1
    assert len(table["rows"][0]["cells"]) == len(table["columnDefinitions"])

    patch = {"metadata": {"annotations": {"merged": "1"}}}
    await done("PATCH", one, patch, headers=MERGE)
    patch = {"metadata": {"annotations": {"strategic": "1"}}}
    changed = await done("PATCH", one, patch, headers=STRATEGIC)
    changed["metadata"]["annotations"]["put"] = "1"
    changed = await done("PUT", one, changed, fieldValidation="Strict")
    assert set(changed["metadata"]["annotations"]) >= {"merged", "strategic", "put"}
    identity = {k: obj[k] for k in ("apiVersion", "kind")}
    applied = {**identity, "metadata": {"name": name, "annotations": {"applied": "1"}}}
    query = {"fieldManager": "test"}
    applied = await done("PATCH", one, orjson.dumps(applied), headers=APPLY, **query)
    assert applied["metadata"]["annotations"]["applied"] == "1"
    if "status" in resource.subresources:
        await done("PUT", f"{one}/status", applied)
        assert (await done("GET", f"{one}/status"))["metadata"]["uid"] == made["metadata"]["uid"]

    revision = cluster.store.revision
    if "deletecollection" in resource.verbs:
        await done("DELETE", many, labelSelector="test=yes")
    else:
        await done("DELETE", one)
    lines = cluster.transport.stream(
        many, {"watch": "1", "resourceVersion": str(revision), "labelSelector": "test=yes"}, {}
    )
    event = orjson.loads(await anext(lines))
    await lines.aclose()  # type: ignore[attr-defined]
    assert event["type"] in ("DELETED", "MODIFIED")
    assert event["object"]["metadata"]["uid"] == made["metadata"]["uid"]


def test_no_kind_is_forgotten() -> None:
    stored = {r.plural for r in BUILTIN if "create" in r.verbs and "delete" in r.verbs}
    assert stored == {r.plural for r in KINDS} | ELSEWHERE
