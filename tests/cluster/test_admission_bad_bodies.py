"""Bodies with parts missing or of another shape are refused with a 4xx, never a fault of ours."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest

from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import ask
from tests.cluster.test_crd_kubectl import DEFINITION

JUNK: list[Any] = [None, 0, -1, 1.5, "", True, "x", [], {}, [None], [1], {"a": None}, [{}], "\0"]
AUTHORIZATION = "/apis/authorization.k8s.io/v1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
CONTAINER = {
    "name": "c",
    "image": "x",
    "ports": [{"containerPort": 80, "hostPort": 8}],
    "resources": {"requests": {"cpu": "1m"}, "limits": {"cpu": "2"}},
    "volumeMounts": [{"name": "v", "mountPath": "/v"}],
    "securityContext": {"capabilities": {"add": ["X"]}},
}
BODIES: dict[str, dict[str, Any]] = {
    "/api/v1/namespaces/default/pods": {
        "metadata": {"name": "a", "annotations": {"a": "b"}},
        "spec": {
            "serviceAccountName": "default",
            "imagePullSecrets": [{"name": "x"}],
            "overhead": {"cpu": "1"},
            "nodeSelector": {"a": "b"},
            "tolerations": [{"key": "a", "operator": "Exists"}],
            "volumes": [{"name": "v", "emptyDir": {}}],
            "securityContext": {"sysctls": [{"name": "a", "value": "b"}]},
            "initContainers": [CONTAINER],
            "containers": [CONTAINER],
        },
    },
    "/api/v1/namespaces/default/persistentvolumeclaims": {
        "metadata": {"name": "a"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1"}}},
    },
    "/api/v1/namespaces/default/limitranges": {
        "metadata": {"name": "a"},
        "spec": {"limits": [{"type": "Container", "min": {"cpu": "1m"}, "default": {"cpu": "1"}}]},
    },
    "/api/v1/namespaces/default/resourcequotas": {
        "metadata": {"name": "a"},
        "spec": {"hard": {"pods": "99"}, "scopes": ["BestEffort"]},
    },
    f"{RBAC}/clusterroles": {
        "metadata": {"name": "a"},
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]},
        "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}],
    },
    f"{RBAC}/namespaces/default/rolebindings": {
        "metadata": {"name": "a"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "x"},
        "subjects": [{"kind": "ServiceAccount", "name": "x"}],
    },
    f"{AUTHORIZATION}/subjectaccessreviews": {
        "spec": {
            "user": "a",
            "groups": ["b"],
            "extra": {"a": ["b"]},
            "resourceAttributes": {"verb": "get", "resource": "pods"},
        }
    },
    f"{AUTHORIZATION}/selfsubjectrulesreviews": {"spec": {"namespace": "a"}},
    "/apis/authentication.k8s.io/v1/tokenreviews": {"spec": {"token": "a", "audiences": ["b"]}},
    "/api/v1/namespaces/default/serviceaccounts/default/token": {
        "spec": {
            "audiences": ["a"],
            "expirationSeconds": 700,
            "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "x", "uid": "y"},
        }
    },
    "/apis/certificates.k8s.io/v1/certificatesigningrequests": {
        "metadata": {"name": "a"},
        "spec": {
            "request": "LS0tLS1CRUdJTg==",
            "signerName": "kubernetes.io/kube-apiserver-client",
            "usages": ["client auth"],
            "expirationSeconds": 700,
        },
    },
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions": DEFINITION,
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, child in inner:
            yield from places(child, (*path, key))


def spoiled(body: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """`body` with one part taken away or replaced."""
    found = copy.deepcopy(body)
    *way, last = chance.choice(list(places(found)))
    place: Any = found
    for step in way:
        place = place[step]
    if isinstance(place, dict) and chance.random() < 0.3:
        del place[last]
    else:
        place[last] = copy.deepcopy(chance.choice(JUNK))
    return found


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.rpartition("/")[2])
async def test_a_spoiled_body_is_answered_without_a_fault(cluster: TestCluster, path: str) -> None:
    chance = random.Random(path)
    for number in range(60):
        body = spoiled(BODIES[path], chance)
        reply = await ask(cluster, "POST", path, body, dryRun="All" if number % 2 else "")
        assert reply.status < 500, body
