"""Raw requests in tests: what the API answers, status and body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from grappe.testing.cluster import TestCluster

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
PODS = "/api/v1/namespaces/default/pods"
SERVICES = "/api/v1/namespaces/default/services"


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def message(self) -> str:
        return str(self.body["message"])


async def ask(
    cluster: TestCluster,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    **query: str,
) -> Reply:
    """One request as the administrator; `body` is sent as JSON unless it is bytes."""
    sent = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
    answer = await cluster.transport.request(method, path, query, headers or {}, sent)
    is_json = answer.body.startswith(b"{")
    return Reply(
        answer.status, answer.headers, orjson.loads(answer.body) if is_json else answer.body
    )


def config_map(name: str, data: Mapping[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    return {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": name, **metadata},
        "data": dict(data or {}),
    }


def deployment(name: str, image: str = "web:1", replicas: int = 1) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "web", "image": image}]},
            },
        },
    }


def pod(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "main", "image": "web:1"}], **spec},
    }


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": {"name": name},
        "spec": {"ports": [{"port": 80}], "selector": {"app": name}, **spec},
    }
