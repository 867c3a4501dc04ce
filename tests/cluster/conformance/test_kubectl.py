"""What kubectl's conformance tests type, where no container need run."""

from __future__ import annotations

from typing import Any

import yaml

from grappe.testing.cluster import TestCluster
from tests.cluster.conformance.test_garbage_collection import controller
from tests.cluster.people import Kubectl
from tests.cluster.plant import deployment, plant, until


async def ready(kubectl: Kubectl, number: int) -> None:
    async def counted() -> bool:
        shown = await kubectl("get", "rc", "a", "-o", "jsonpath={.status.readyReplicas}")
        return shown == str(number or "")

    await until(counted)


async def test_a_replication_controller_is_scaled_exposed_described_and_patched(
    cluster: TestCluster, kubectl: Kubectl
) -> None:
    async with plant(cluster):
        await kubectl("create", "-f", "-", send=controller("a", 2))
        await ready(kubectl, 2)
        for replicas in (1, 2):
            await kubectl("scale", "rc", "a", f"--replicas={replicas}")
            await ready(kubectl, replicas)
        await kubectl("expose", "rc", "a", "--name=s2", "--port=1234", "--target-port=6379")
        await kubectl("expose", "service", "s2", "--name=s3", "--port=2345", "--target-port=6379")
        for name, port in (("s2", "1234"), ("s3", "2345")):
            path = "jsonpath={.spec.ports[0].port} {.spec.ports[0].targetPort}"
            assert await kubectl("get", "service", name, "-o", path) == f"{port} 6379"
        described = await kubectl("describe", "rc", "a")
        for part in ("Name:", "Namespace:", "Image:", "Replicas:", "Pods Status:", "rc=a"):
            assert part in described
        pods = (await kubectl("get", "pods", "-l", "rc=a", "-o", "name")).split()
        for name in pods:
            await kubectl("patch", name, "-p", '{"metadata":{"annotations":{"x":"y"}}}')
            assert "x:" in (await kubectl("describe", name)).split("Annotations:")[1][:200]
        for what, part in (
            ("service/s2", "Selector:"),
            ("node/n1", "Allocatable:"),
            ("namespace/default", "Status:"),
        ):
            assert part in await kubectl("describe", what)
        await kubectl("label", pods[0], "testing-label=value")
        assert "value" in await kubectl("get", pods[0], "-L", "testing-label")
        await kubectl("label", pods[0], "testing-label-")
        assert "value" not in await kubectl("get", pods[0], "-L", "testing-label")
        await kubectl("delete", "rc", "a", "--timeout=20s")


async def test_a_pod_is_run_dry_run_and_replaced(kubectl: Kubectl) -> None:
    await kubectl("run", "p", "--image=one:1", "--restart=Never", "--labels=run=p")
    image = ("get", "pod", "p", "-o", "jsonpath={.spec.containers[0].image}")
    assert await kubectl(*image) == "one:1"
    patch = '{"spec":{"containers":[{"name":"p","image":"two:2"}]}}'
    await kubectl("patch", "pod", "p", "-p", patch, "--dry-run=server")
    assert await kubectl(*image) == "one:1"
    live: Any = yaml.safe_load(await kubectl("get", "pod", "p", "-o", "yaml"))
    live["spec"]["containers"][0]["image"] = "three:3"
    await kubectl("replace", "-f", "-", send=live)
    assert await kubectl(*image) == "three:3"


async def test_diff_and_cluster_info(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", "-", send=deployment(image="one:1"))
    done = await kubectl.run("diff", "-f", "-", send=deployment(image="two:2"))
    assert done.code == 1
    assert "-      - image: one:1" in done.out
    assert "+      - image: two:2" in done.out
    assert "Kubernetes control plane" in await kubectl("cluster-info")
