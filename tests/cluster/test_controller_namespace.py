"""Namespaces: what is in them from the start, and how they end."""

from __future__ import annotations

import time
from typing import Any

import pytest

from grappe import controllers
from grappe.api.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    NAMESPACES,
    PODS,
    SERVICE_ACCOUNTS,
    SERVICES,
)
from grappe.controllers import rootca
from grappe.testing.cluster import TestCluster

from .plant import background, deployment, gone, plant, until

Object = dict[str, Any]


def namespace(name: str = "shop") -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def config_map(name: str, **meta: Any) -> Object:
    meta = {"name": name, "namespace": "shop", **meta}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}


async def test_a_new_namespace_gets_its_service_account_and_the_root_certificate(
    cluster: TestCluster,
) -> None:
    async with plant(cluster):
        client = cluster.client
        await client.create(NAMESPACES, namespace())
        await until(lambda: client.get(SERVICE_ACCOUNTS, "default", "shop"))
        found = await until(lambda: client.get(CONFIG_MAPS, "kube-root-ca.crt", "shop"))
        assert found["data"] == {"ca.crt": "PEM"}
        await client.delete(SERVICE_ACCOUNTS, "default", "shop")
        await until(lambda: client.get(SERVICE_ACCOUNTS, "default", "shop"))
        patch = {"data": {"ca.crt": "forged", "more": "x"}}
        await client.patch(CONFIG_MAPS, "kube-root-ca.crt", patch, "shop")

        async def restored() -> bool:
            now = await client.get(CONFIG_MAPS, "kube-root-ca.crt", "shop")
            return bool(now["data"] == {"ca.crt": "PEM"})

        await until(restored)


async def test_the_root_certificates_follow_when_authorities_change(
    cluster: TestCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rootca, "_LOOK_AGAIN", 0.05)
    trusted = ["OLD"]
    client = cluster.client

    async def published(text: str) -> bool:
        found = await client.get(CONFIG_MAPS, rootca.NAME, "kube-system")
        return bool(found["data"] == {"ca.crt": text})

    work = controllers.run(client, cluster.clock, root_ca=lambda: "\n".join(trusted))
    async with background(work):
        await until(lambda: published("OLD"))
        trusted.append("NEW")
        await until(lambda: published("OLD\nNEW"))


async def test_a_namespace_goes_with_everything_in_it(cluster: TestCluster) -> None:
    async with plant(cluster):
        client = cluster.client
        await client.create(NAMESPACES, namespace())
        await until(lambda: client.get(SERVICE_ACCOUNTS, "default", "shop"))
        subject = deployment(replicas=3)
        subject["metadata"]["namespace"] = "shop"
        await client.create(DEPLOYMENTS, subject)
        service: Object = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
        }
        await client.create(SERVICES, service)

        async def running() -> bool:
            found = await client.get(DEPLOYMENTS, "web", "shop")
            return (found.get("status") or {}).get("availableReplicas") == 3

        await until(running)
        began = time.monotonic()
        await client.delete(NAMESPACES, "shop")
        await until(lambda: gone(client, NAMESPACES, "shop", ""))
        assert time.monotonic() - began < 5
        assert not (await client.list(PODS, "shop")).items


async def test_many_objects_go_quickly(cluster: TestCluster) -> None:
    async with plant(cluster):
        client = cluster.client
        await client.create(NAMESPACES, namespace())
        for number in range(300):
            await client.create(CONFIG_MAPS, config_map(f"c{number}"))
        await client.delete(NAMESPACES, "shop")
        await until(lambda: gone(client, NAMESPACES, "shop", ""))
        assert not (await client.list(CONFIG_MAPS, "shop")).items


async def test_a_finalizer_holds_the_namespace_and_is_named(cluster: TestCluster) -> None:
    async with plant(cluster):
        client = cluster.client
        await client.create(NAMESPACES, namespace())
        await client.create(CONFIG_MAPS, config_map("held", finalizers=["example.com/hold"]))
        await client.delete(NAMESPACES, "shop")

        async def told() -> Object | None:
            status = (await client.get(NAMESPACES, "shop")).get("status") or {}
            found = {c["type"]: c for c in status.get("conditions") or ()}
            return found if "NamespaceFinalizersRemaining" in found else None

        found = await until(told)
        assert found["NamespaceFinalizersRemaining"]["message"] == (
            "Some content in the namespace has finalizers remaining: "
            "example.com/hold in 1 resource instances"
        )
        assert found["NamespaceContentRemaining"]["message"] == (
            "Some resources are remaining: configmaps. has 1 resource instances"
        )
        assert found["NamespaceDeletionContentFailure"]["status"] == "False"
        await client.patch(CONFIG_MAPS, "held", {"metadata": {"finalizers": None}}, "shop")
        await until(lambda: gone(client, NAMESPACES, "shop", ""))
