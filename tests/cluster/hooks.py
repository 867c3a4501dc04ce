"""Admission webhooks in tests: their configurations and their answers."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import orjson

from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import ask
from tests.cluster.https_servers import Asked, HttpsServer, http

MUTATING = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
VALIDATING = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"

Judge = Callable[[Any], dict[str, Any]]
"""From the `request` of a review to its `response`, without the uid."""


def review_answers(judge: Judge) -> Any:
    """What an admission webhook answers."""

    async def answers(asked: Asked) -> bytes:
        review = asked.json
        response = {"uid": review["request"]["uid"], **judge(review["request"])}
        return http(200, {**review, "request": None, "response": response})

    return answers


def allowed(**more: Any) -> dict[str, Any]:
    return {"allowed": True, **more}


def denied(message: str = "no", **status: Any) -> dict[str, Any]:
    return {"allowed": False, "status": {"message": message, **status}}


def patching(*operations: dict[str, Any], **more: Any) -> dict[str, Any]:
    patch = base64.b64encode(orjson.dumps(list(operations))).decode()
    return {"allowed": True, "patchType": "JSONPatch", "patch": patch, **more}


def rule(resource: str, *operations: str, group: str = "", version: str = "*") -> dict[str, Any]:
    return {
        "operations": list(operations or ("*",)),
        "apiGroups": [group],
        "apiVersions": [version],
        "resources": [resource],
    }


def hook(
    server: HttpsServer,
    *rules: dict[str, Any],
    name: str = "a.example.com",
    path: str = "/check",
    **more: Any,
) -> dict[str, Any]:
    return {
        "name": name,
        "rules": list(rules),
        "clientConfig": {"url": server.url + path, "caBundle": server.bundle},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        **more,
    }


async def register(
    cluster: TestCluster, where: str, name: str, *hooks: dict[str, Any], **metadata: Any
) -> Any:
    body = {"metadata": {"name": name, **metadata}, "webhooks": list(hooks)}
    reply = await ask(cluster, "POST", where, body)
    assert reply.status == 201, reply.body
    return reply.body
