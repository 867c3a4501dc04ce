"""The official Python client: typed, dynamic, watching, electing a leader, streaming logs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import until

kubernetes = pytest.importorskip("kubernetes")


@pytest.fixture
def api(kubeconfig: Path) -> Iterator[Any]:
    client = kubernetes.config.new_client_from_config(str(kubeconfig))
    yield client
    client.close()


def deployment(name: str, replicas: int = 2) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": "example.com/web:1"}]},
            },
        },
    }


def test_a_deployment_is_created_from_a_file_rolls_out_and_is_watched(
    api: Any, namespace: str
) -> None:
    apps, core = kubernetes.client.AppsV1Api(api), kubernetes.client.CoreV1Api(api)
    kubernetes.utils.create_from_dict(api, deployment("web"), namespace=namespace)

    def rolled_out() -> bool:
        return apps.read_namespaced_deployment("web", namespace).status.ready_replicas == 2

    until(rolled_out, "the deployment is ready")
    pods = core.list_namespaced_pod(namespace, label_selector="app=web")
    seen: list[str] = []
    watching = kubernetes.watch.Watch()

    def watch() -> None:
        for event in watching.stream(
            core.list_namespaced_pod,
            namespace,
            label_selector="app=web",
            resource_version=pods.metadata.resource_version,
            timeout_seconds=30,
        ):
            if event["type"] == "DELETED":
                seen.append(event["object"].metadata.name)
                if len(seen) == 2:
                    watching.stop()

    thread = threading.Thread(target=watch)
    thread.start()
    apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 0}})
    thread.join(60)
    assert sorted(seen) == sorted(pod.metadata.name for pod in pods.items)
    options = kubernetes.client.V1DeleteOptions(propagation_policy="Foreground")
    apps.delete_namespaced_deployment("web", namespace, body=options)
    until(
        lambda: not apps.list_namespaced_replica_set(namespace).items,
        "the replica sets are collected",
    )


def test_a_job_runs_to_its_end_and_its_log_is_read(api: Any, namespace: str) -> None:
    batch, core = kubernetes.client.BatchV1Api(api), kubernetes.client.CoreV1Api(api)
    script = json.dumps({"runFor": 0, "exitCode": 0, "log": "one\ntwo\n"})
    template = kubernetes.client.V1PodTemplateSpec(
        metadata=kubernetes.client.V1ObjectMeta(annotations={"grappe.dev/simulate": script}),
        spec=kubernetes.client.V1PodSpec(
            containers=[kubernetes.client.V1Container(name="main", image="example.com/once:1")],
            restart_policy="Never",
        ),
    )
    job = kubernetes.client.V1Job(
        metadata=kubernetes.client.V1ObjectMeta(generate_name="once-"),
        spec=kubernetes.client.V1JobSpec(template=template, backoff_limit=1),
    )
    name = batch.create_namespaced_job(namespace, job).metadata.name
    assert name.startswith("once-")
    assert until(
        lambda: batch.read_namespaced_job_status(name, namespace).status.completion_time,
        "the job is complete",
    )
    (pod,) = core.list_namespaced_pod(namespace, label_selector=f"job-name={name}").items
    log = core.read_namespaced_pod_log(pod.metadata.name, namespace, tail_lines=1)
    assert log == "two\n"


def test_the_dynamic_client_knows_kinds_by_name(api: Any, namespace: str) -> None:
    dynamic = kubernetes.dynamic.DynamicClient(api)
    maps = dynamic.resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "1"}}
    made = maps.create(body=body, namespace=namespace)
    assert made.metadata.uid
    for content_type, patch in (
        ("application/merge-patch+json", {"data": {"k": "2"}}),
        ("application/strategic-merge-patch+json", {"data": {"l": "3"}}),
        ("application/json-patch+json", [{"op": "remove", "path": "/data/k"}]),
    ):
        maps.patch(body=patch, name="a", namespace=namespace, content_type=content_type)
    assert maps.get(name="a", namespace=namespace).data.to_dict() == {"l": "3"}
    with pytest.raises(kubernetes.dynamic.exceptions.ConflictError):
        maps.create(body=body, namespace=namespace)
    body["data"] = {"l": "4"}
    with pytest.raises(kubernetes.dynamic.exceptions.ConflictError):
        maps.server_side_apply(body=body, namespace=namespace, field_manager="other")
    applied = maps.server_side_apply(
        body=body, namespace=namespace, field_manager="other", force_conflicts=True
    )
    assert applied.data.l == "4"


def test_errors_carry_the_status(api: Any, namespace: str) -> None:
    core = kubernetes.client.CoreV1Api(api)
    with pytest.raises(kubernetes.client.ApiException) as caught:
        core.create_namespaced_config_map(namespace, {"metadata": {"name": "Bad"}})
    assert caught.value.status == 422
    assert '"reason":"Invalid"' in caught.value.body
    with pytest.raises(kubernetes.client.ApiException) as caught:
        core.read_namespaced_secret("none", namespace)
    assert (caught.value.status, caught.value.reason) == (404, "Not Found")
