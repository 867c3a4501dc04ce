"""Endpoints and EndpointSlices follow the pods of a Service."""

from __future__ import annotations

from typing import Any

from grappe.api.resources import DEPLOYMENTS, ENDPOINT_SLICES, ENDPOINTS, PODS, SERVICES
from grappe.client.rest import RestClient
from grappe.testing.cluster import TestCluster

from .plant import deployment, gone, plant, until

Object = dict[str, Any]


def service(name: str = "web", **spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default", "labels": {"team": "x"}},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}], **spec},
    }


def with_port(replicas: int = 2) -> Object:
    subject = deployment(replicas=replicas)
    [container] = subject["spec"]["template"]["spec"]["containers"]
    container["ports"] = [{"name": "http", "containerPort": 8080}]
    return subject


async def slices(client: RestClient, name: str = "web") -> list[Object]:
    selector = f"kubernetes.io/service-name={name}"
    return (await client.list(ENDPOINT_SLICES, "default", label_selector=selector)).items


async def ready(client: RestClient, count: int, name: str = "web") -> list[Object] | None:
    """The ready endpoints, once there are so many."""
    found = [
        e
        for s in await slices(client, name)
        for e in s.get("endpoints") or ()
        if e["conditions"]["ready"]
    ]
    return found if len(found) == count else None


async def test_ready_pods_are_endpoints_on_the_port_of_that_name(cluster: TestCluster) -> None:
    async with plant(cluster):
        client = cluster.client
        await client.create(SERVICES, service())
        await client.create(DEPLOYMENTS, with_port())
        found = await until(lambda: ready(client, 2))
        [one] = await slices(client)
        assert one["ports"] == [{"name": "", "port": 8080, "protocol": "TCP"}]
        assert one["addressType"] == "IPv4"
        assert one["metadata"]["labels"] == {
            "team": "x",
            "kubernetes.io/service-name": "web",
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        }
        [owner] = one["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["controller"]) == ("Service", "web", True)
        pods = {p["metadata"]["name"]: p for p in (await client.list(PODS, "default")).items}
        for endpoint in found:
            pod = pods[endpoint["targetRef"]["name"]]
            assert endpoint["addresses"] == [pod["status"]["podIP"]]
            assert endpoint["nodeName"] == "n1"

        async def addresses() -> bool:
            subsets = (await client.get(ENDPOINTS, "web", "default")).get("subsets") or [{}]
            return sorted(a["ip"] for a in subsets[0].get("addresses", ())) == sorted(
                p["status"]["podIP"] for p in pods.values()
            )

        await until(addresses)


async def test_a_pod_that_is_not_ready_gets_no_traffic(cluster: TestCluster) -> None:
    async with plant(cluster) as made:
        client = cluster.client
        made.behave = lambda pod: "Running"
        await client.create(SERVICES, service())
        await client.create(DEPLOYMENTS, with_port(1))

        async def waiting() -> bool:
            subsets = (await client.get(ENDPOINTS, "web", "default")).get("subsets") or [{}]
            return len(subsets[0].get("notReadyAddresses", ())) == 1

        await until(waiting)
        assert await ready(client, 0) == []
        made.behave = lambda pod: "Ready"
        made.poke()
        await until(lambda: ready(client, 1))


async def test_scaling_down_removes_endpoints_and_an_empty_slice_stays(
    cluster: TestCluster,
) -> None:
    async with plant(cluster):
        client = cluster.client
        await client.create(SERVICES, service())
        await client.create(DEPLOYMENTS, with_port(3))
        await until(lambda: ready(client, 3))
        await client.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 0}}, "default")

        async def empty() -> bool:
            found = await slices(client)
            return len(found) == 1 and not found[0].get("endpoints")

        await until(empty)
        await client.delete(SERVICES, "web", "default")
        await until(lambda: gone(client, ENDPOINTS, "web"))

        async def none() -> bool:
            return not await slices(client)

        await until(none)


async def test_more_than_a_hundred_endpoints_take_more_than_one_slice(
    cluster: TestCluster,
) -> None:
    async with plant(cluster, nodes=2):
        client = cluster.client
        await client.create(SERVICES, service())
        await client.create(DEPLOYMENTS, with_port(120))
        await until(lambda: ready(client, 120))
        found = await slices(client)
        assert sorted(len(s["endpoints"]) for s in found)[-1] <= 100
        uids = [e["targetRef"]["uid"] for s in found for e in s["endpoints"]]
        assert len(uids) == len(set(uids)) == 120


async def test_services_without_a_selector_are_left_alone(cluster: TestCluster) -> None:
    async with plant(cluster):
        client = cluster.client
        before = await client.get(ENDPOINTS, "kubernetes", "default")
        bare = service("bare")
        del bare["spec"]["selector"]
        bare["spec"]["ports"] = [{"port": 80}]
        await client.create(SERVICES, bare)
        await client.create(SERVICES, service())
        await until(lambda: client.get(ENDPOINTS, "web", "default"))
        assert await gone(client, ENDPOINTS, "bare")
        assert not await slices(client, "bare")
        assert await client.get(ENDPOINTS, "kubernetes", "default") == before


async def test_a_headless_service_with_named_pods(cluster: TestCluster) -> None:
    async with plant(cluster):
        client = cluster.client
        await client.create(SERVICES, service(clusterIP="None"))
        pod: Object = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "db-0", "namespace": "default", "labels": {"app": "web"}},
            "spec": {
                "hostname": "db-0",
                "subdomain": "web",
                "containers": [
                    {"name": "c", "image": "x", "ports": [{"name": "http", "containerPort": 1}]}
                ],
            },
        }
        await client.create(PODS, pod)
        [endpoint] = await until(lambda: ready(client, 1))
        assert endpoint["hostname"] == "db-0"

        async def only() -> Object | None:
            # The slice from before the port was known goes after the new one has come.
            found = await slices(client)
            return found[0] if len(found) == 1 else None

        one = await until(only)
        assert one["metadata"]["labels"]["service.kubernetes.io/headless"] == ""


async def test_endpoints_written_by_hand_become_slices(cluster: TestCluster) -> None:
    async with plant(cluster):
        client = cluster.client
        bare = service("db")
        del bare["spec"]["selector"]
        bare["spec"]["ports"] = [{"port": 5432}]
        await client.create(SERVICES, bare)
        by_hand: Object = {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {"name": "db", "namespace": "default"},
            "subsets": [{"addresses": [{"ip": "10.9.8.7"}], "ports": [{"port": 5432}]}],
        }
        await client.create(ENDPOINTS, by_hand)
        [endpoint] = await until(lambda: ready(client, 1, "db"))
        assert endpoint["addresses"] == ["10.9.8.7"]
        changed = {"subsets": [{"addresses": [{"ip": "10.9.8.6"}], "ports": [{"port": 5432}]}]}
        await client.patch(ENDPOINTS, "db", changed, "default")

        async def moved() -> bool:
            found = await ready(client, 1, "db")
            return bool(found) and found[0]["addresses"] == ["10.9.8.6"]

        await until(moved)
        assert len(await slices(client, "kubernetes")) == 1
