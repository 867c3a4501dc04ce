"""A custom kind of two versions, and the webhook that converts between them, for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import Reply, ask
from tests.cluster.https_servers import Asked, HttpsServer, http

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
V1 = "/apis/example.com/v1/namespaces/default/sites"
V2 = "/apis/example.com/v2/namespaces/default/sites"
MERGE = {"content-type": "application/merge-patch+json"}
APPLY = {"content-type": "application/apply-patch+yaml"}


def converted(obj: dict[str, Any], version: str) -> dict[str, Any]:
    """v1 has `hostPort: host:port`, v2 has both apart."""
    found = {**obj, "apiVersion": version}
    if version.endswith("/v2") and "hostPort" in found:
        found["host"], found["port"] = found.pop("hostPort").split(":")
    elif version.endswith("/v1") and "host" in found:
        found["hostPort"] = f"{found.pop('host')}:{found.pop('port', '')}"
    return found


def answer(review: Any, objects: list[Any], **result: Any) -> bytes:
    response = {
        "uid": review["request"]["uid"],
        "convertedObjects": objects,
        "result": {"status": "Success", **result},
    }
    return http(200, {**review, "request": None, "response": response})


class Converts:
    """A conversion webhook; `change` makes of its objects what a test wants to see handled."""

    def __init__(self) -> None:
        self.change: Callable[[Any, list[Any]], bytes] = answer

    async def __call__(self, asked: Asked) -> bytes:
        review = asked.json
        assert (review["kind"], review["apiVersion"]) == (
            "ConversionReview",
            "apiextensions.k8s.io/v1",
        )
        version = review["request"]["desiredAPIVersion"]
        found = [converted(obj, version) for obj in review["request"]["objects"]]
        return self.change(review, found)


def definition(server: HttpsServer, stored: str = "v1", **conversion: Any) -> dict[str, Any]:
    texts = {"v1": ("hostPort", "hidden"), "v2": ("host", "port")}
    versions = [
        {
            "name": name,
            "served": True,
            "storage": name == stored,
            "selectableFields": [{"jsonPath": f".{texts[name][0]}"}],
            "subresources": {"status": {}},
            "schema": {
                "openAPIV3Schema": {
                    "type": "object",
                    "properties": {text: {"type": "string"} for text in texts[name]}
                    | {"status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                }
            },
        }
        for name in ("v1", "v2")
    ]
    client = {"url": f"{server.url}/convert", "caBundle": server.bundle}
    webhook = {"clientConfig": client, "conversionReviewVersions": ["v1"]}
    return {
        "metadata": {"name": "sites.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "sites", "kind": "Site"},
            "versions": versions,
            "conversion": {"strategy": "Webhook", "webhook": webhook, **conversion},
        },
    }


def site(name: str, version: str = "v1", **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default"}
    return {"kind": "Site", "apiVersion": f"example.com/{version}", "metadata": metadata, **fields}


async def define(cluster: TestCluster, server: HttpsServer) -> None:
    made = await ask(cluster, "POST", CRDS, definition(server))
    assert made.status == 201, made.body


async def store_as(cluster: TestCluster, server: HttpsServer, stored: str) -> None:
    """Change the definition's storage version."""
    versions = definition(server, stored)["spec"]["versions"]
    changed = await ask(
        cluster, "PATCH", f"{CRDS}/sites.example.com", {"spec": {"versions": versions}}, MERGE
    )
    assert changed.status == 200, changed.body


def fields(reply: Reply) -> dict[str, Any]:
    return {k: v for k, v in reply.body.items() if k not in ("metadata", "kind")}
