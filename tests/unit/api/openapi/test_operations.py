"""Names, bodies and answers of operations, in either dialect."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from grappe.api.openapi import v2_document, v3_document
from grappe.api.openapi.operations import operation_id, tag
from grappe.api.resources import BUILTIN, Resource

V2 = orjson.loads(v2_document(BUILTIN))
ITEM = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}"


def resource(group: str, plural: str) -> Resource:
    return next(r for r in BUILTIN if (r.group, r.plural) == (group, plural))


@pytest.mark.parametrize(
    ("verb", "subresource", "everywhere", "name"),
    [
        ("get", "", False, "readAppsV1NamespacedDeployment"),
        ("list", "", False, "listAppsV1NamespacedDeployment"),
        ("list", "", True, "listAppsV1DeploymentForAllNamespaces"),
        ("create", "", False, "createAppsV1NamespacedDeployment"),
        ("update", "status", False, "replaceAppsV1NamespacedDeploymentStatus"),
        ("patch", "", False, "patchAppsV1NamespacedDeployment"),
        ("delete", "", False, "deleteAppsV1NamespacedDeployment"),
        ("deletecollection", "", False, "deleteAppsV1CollectionNamespacedDeployment"),
    ],
)
def test_operations_are_called_as_in_generated_clients(
    verb: str, subresource: str, everywhere: bool, name: str
) -> None:
    found = operation_id(resource("apps", "deployments"), verb, subresource, everywhere=everywhere)
    assert found == name


def test_groups_lose_what_all_have() -> None:
    roles = resource("rbac.authorization.k8s.io", "clusterroles")
    assert operation_id(roles, "get") == "readRbacAuthorizationV1ClusterRole"
    assert tag(roles) == "rbacAuthorization_v1"
    assert tag(resource("", "pods")) == "core_v1"
    application = Resource("argoproj.io", "v1alpha1", "applications", "Application")
    assert operation_id(application, "get") == "readArgoprojIoV1alpha1NamespacedApplication"


@pytest.mark.parametrize(
    "document", [V2, orjson.loads(v3_document("apps", "v1", BUILTIN))], ids=["v2", "v3"]
)
def test_no_two_operations_have_one_name(document: dict[str, Any]) -> None:
    names = [
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict)
    ]
    assert len(names) == len(set(names)) > 20


def test_v2_says_what_an_operation_takes_and_gives() -> None:
    item = V2["paths"][ITEM]
    kind = {"$ref": "#/definitions/io.k8s.api.apps.v1.Deployment"}
    assert item["put"]["parameters"][0] == {
        "name": "body",
        "in": "body",
        "required": True,
        "schema": kind,
    }
    assert item["put"]["responses"] == {
        "200": {"description": "OK", "schema": kind},
        "201": {"description": "Created", "schema": kind},
        "401": {"description": "Unauthorized"},
    }
    assert item["put"]["consumes"] == ["*/*"]
    assert "application/vnd.kubernetes.protobuf" in item["get"]["produces"]
    assert all(p["in"] == "query" for p in item["get"]["parameters"])
    options = item["delete"]["parameters"][0]
    assert options["schema"]["$ref"].endswith(".DeleteOptions")
    assert "required" not in options
    assert item["delete"]["responses"]["202"]["schema"]["$ref"].endswith(".Status")
    listed = V2["paths"]["/apis/apps/v1/deployments"]["get"]
    assert listed["responses"]["200"]["schema"]["$ref"].endswith(".DeploymentList")
    assert "application/json;stream=watch" in listed["produces"]
