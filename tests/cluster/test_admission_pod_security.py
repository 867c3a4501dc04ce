"""Pod Security: what a configuration exempts and sets by default, seen from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from grappe.api.errors import ApiError
from grappe.api.resources import DEPLOYMENTS, NAMESPACES, PODS, Resource, builtin_kind
from grappe.apiserver.http.messages import User
from grappe.testing.cluster import TestCluster, running_cluster
from tests.cluster.api_requests import Reply, ask, pod

ANN = User("ann", ("system:masters", "system:authenticated"))
WARN = "pod-security.kubernetes.io/warn"
ENFORCE = "pod-security.kubernetes.io/enforce"
CONFIGURATION = """
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: PodSecurity
  configuration:
    apiVersion: pod-security.admission.config.k8s.io/v1
    kind: PodSecurityConfiguration
    defaults: {enforce: baseline}
    exemptions:
      usernames: [ann]
      runtimeClasses: [kata]
      namespaces: [free, later]
"""


@asynccontextmanager
async def configured(directory: Path) -> AsyncIterator[TestCluster]:
    (directory / "admission.yaml").write_text(CONFIGURATION)
    async with running_cluster(data_dir=directory) as cluster:
        yield cluster


async def place(cluster: TestCluster, name: str, **labels: str) -> None:
    await cluster.client.create(NAMESPACES, {"metadata": {"name": name, "labels": labels}})
    accounts = kind("v1", "ServiceAccount")
    await cluster.client.create(accounts, {"metadata": {"name": "default"}}, name)


def kind(api_version: str, name: str) -> Resource:
    found = builtin_kind(api_version, name)
    assert found is not None
    return found


def bad(name: str, **spec: Any) -> dict[str, Any]:
    return pod(name, hostNetwork=True, **spec)


def warnings(reply: Reply) -> list[str]:
    return [value for name, value in reply.headers.items() if name.lower() == "warning"]


async def test_what_counts_by_default_is_enforced_and_exemptions_are_made(tmp_path: Path) -> None:
    async with configured(tmp_path) as cluster:
        client = cluster.client
        with pytest.raises(ApiError, match='violates PodSecurity "baseline:latest"'):
            await client.create(PODS, bad("a"), "default")
        await place(cluster, "open", **{ENFORCE: "privileged"})
        await client.create(PODS, bad("a"), "open")
        await place(cluster, "free")
        await client.create(PODS, bad("a"), "free")
        await cluster.client_of(ANN).create(PODS, bad("by-ann"), "default")
        await client.create(
            kind("node.k8s.io/v1", "RuntimeClass"), {"metadata": {"name": "kata"}, "handler": "k"}
        )
        await client.create(PODS, bad("in-kata", runtimeClassName="kata"), "default")


async def test_labels_of_an_exempt_namespace_are_said_to_be_ignored(tmp_path: Path) -> None:
    async with configured(tmp_path) as cluster:
        body = {
            "kind": "Namespace",
            "apiVersion": "v1",
            "metadata": {"name": "later", "labels": {ENFORCE: "restricted", WARN: "baseline"}},
        }
        reply = await ask(cluster, "POST", "/api/v1/namespaces", body)
    assert reply.status == 201
    (told,) = warnings(reply)
    assert "is exempt from Pod Security, and the policy (enforce=restricted:latest, warn=" in told


async def test_templates_are_warned_of_where_the_namespace_only_enforces(
    cluster: TestCluster,
) -> None:
    await place(cluster, "tight", **{ENFORCE: "baseline"})
    labels = {"app": "a"}
    spec = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": bad("a")["spec"]},
    }
    body = {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "a"}, "spec": spec}
    reply = await ask(cluster, "POST", DEPLOYMENTS.path("tight"), body)
    assert reply.status == 201
    assert any("would violate PodSecurity" in told for told in warnings(reply))


async def test_a_pod_from_before_may_change_in_what_the_standards_do_not_speak_of(
    cluster: TestCluster,
) -> None:
    await place(cluster, "grown")
    await cluster.client.create(PODS, bad("a"), "grown")
    tight = {"metadata": {"labels": {ENFORCE: "baseline"}}}
    await cluster.client.patch(NAMESPACES, "grown", tight)
    more = {"spec": {"tolerations": [{"key": "x", "operator": "Exists"}]}}
    live = await cluster.client.get(PODS, "a", "grown")
    more["spec"]["tolerations"] += live["spec"]["tolerations"]
    await cluster.client.patch(PODS, "a", more, "grown")
    image = {"spec": {"containers": [{**live["spec"]["containers"][0], "image": "other"}]}}
    with pytest.raises(ApiError, match="violates PodSecurity"):
        await cluster.client.patch(PODS, "a", image, "grown")
    loose = {"metadata": {"labels": {ENFORCE: "privileged"}}}
    await cluster.client.patch(NAMESPACES, "grown", loose)
    await cluster.client.patch(PODS, "a", image, "grown")


async def test_evaluations_and_exemptions_are_counted(tmp_path: Path) -> None:
    async with configured(tmp_path) as cluster:
        await place(cluster, "mine", **{WARN: "restricted", f"{WARN}-version": "v1.99"})
        pods = "/api/v1/namespaces/mine/pods"
        assert (await ask(cluster, "POST", pods, pod("ok"))).status == 201
        strong = pod("strong")
        strong["spec"]["hostNetwork"] = True
        assert (await ask(cluster, "POST", pods, strong)).status == 403
        await place(cluster, "free")
        assert (await ask(cluster, "POST", "/api/v1/namespaces/free/pods", strong)).status == 201
        told = (await ask(cluster, "GET", "/metrics")).body.decode()
    about = 'request_operation="create",resource="pod",subresource=""'
    evaluations = "pod_security_evaluations_total"
    for line in (
        f'{evaluations}{{decision="allow",policy_level="baseline",policy_version="latest",'
        f'mode="enforce",{about}}} 1',
        f'{evaluations}{{decision="deny",policy_level="baseline",policy_version="latest",'
        f'mode="enforce",{about}}} 1',
        f'{evaluations}{{decision="deny",policy_level="restricted",policy_version="future",'
        f'mode="warn",{about}}} 1',
        f"pod_security_exemptions_total{{{about}}} 1",
    ):
        assert line in told.splitlines(), line
