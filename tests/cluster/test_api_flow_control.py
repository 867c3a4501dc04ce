"""One client that floods does not starve another."""

from __future__ import annotations

import asyncio
import statistics
import time

import pytest

from grappe.api.errors import ApiError
from grappe.api.resources import CONFIG_MAPS, builtin_kind
from grappe.apiserver.http.messages import User
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import config_map

GROUP = "flowcontrol.apiserver.k8s.io/v1"
WRITERS = ("system:serviceaccounts", "system:authenticated")


async def allow_writing(cluster: TestCluster) -> None:
    bindings = builtin_kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding")
    assert bindings is not None
    api = "rbac.authorization.k8s.io"
    await cluster.client.create(
        bindings,
        {
            "metadata": {"name": "writers"},
            "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": "edit"},
            "subjects": [{"apiGroup": api, "kind": "Group", "name": "system:authenticated"}],
        },
    )


async def test_the_objects_of_kubernetes_are_there_and_stay(cluster: TestCluster) -> None:
    levels = builtin_kind(GROUP, "PriorityLevelConfiguration")
    schemas = builtin_kind(GROUP, "FlowSchema")
    assert levels is not None
    assert schemas is not None
    found = {item["metadata"]["name"]: item for item in (await cluster.client.list(levels)).items}
    assert set(found) == {
        "catch-all",
        "exempt",
        "global-default",
        "leader-election",
        "node-high",
        "system",
        "workload-high",
        "workload-low",
    }
    names = {item["metadata"]["name"] for item in (await cluster.client.list(schemas)).items}
    assert {"exempt", "probes", "system-nodes", "service-accounts", "catch-all"} <= names
    system = found["system"]
    system["spec"]["limited"]["nominalConcurrencyShares"] = 1
    await cluster.client.update(levels, system)
    await cluster.client.delete(schemas, "probes")
    await cluster.api.stop()
    await cluster.api.start()
    again = await cluster.client.get(levels, "system")
    assert again["spec"]["limited"]["nominalConcurrencyShares"] == 30
    await cluster.client.get(schemas, "probes")


async def test_a_flood_of_writes_does_not_hold_up_another_client(cluster: TestCluster) -> None:
    await allow_writing(cluster)
    flooder = cluster.client_of(User("system:serviceaccount:default:flood", WRITERS))
    other = cluster.client_of(User("jane", ("system:authenticated",)))
    refusals: list[int] = []
    waited: list[float] = []
    flooding = True

    async def flood(number: int) -> None:
        turn = 0
        while flooding:
            turn += 1
            try:
                made = config_map(f"f-{number}-{turn}")
                started = time.perf_counter()
                await flooder.create(CONFIG_MAPS, made, "default")
                waited.append(time.perf_counter() - started)
            except ApiError as error:
                refusals.append(error.code)
                await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as group:
        for number in range(600):
            group.create_task(flood(number))
        await asyncio.sleep(0)
        took = []
        while len(waited) < 400:
            await asyncio.sleep(0)
        for number in range(40):
            started = time.perf_counter()
            await other.create(CONFIG_MAPS, config_map(f"j-{number}"), "default")
            await other.get(CONFIG_MAPS, f"j-{number}", "default")
            took.append(time.perf_counter() - started)
        flooding = False
    assert set(refusals) == {429}
    # The flood waits for the flood; the other client for what is under way. Without seats both
    # wait alike, however fast the machine.
    assert statistics.median(took) < statistics.median(waited) / 2


async def test_the_administrator_is_exempt(cluster: TestCluster) -> None:
    makes = [
        cluster.client.create(CONFIG_MAPS, config_map(f"a-{number}"), "default")
        for number in range(700)
    ]
    assert len(await asyncio.gather(*makes)) == 700


async def test_who_is_refused_is_told_when_to_come_again(cluster: TestCluster) -> None:
    await allow_writing(cluster)
    flooder = cluster.client_of(User("joe", ("system:authenticated",)))
    makes = [
        flooder.create(CONFIG_MAPS, config_map(f"a-{number}"), "default") for number in range(500)
    ]
    results = await asyncio.gather(*makes, return_exceptions=True)
    refused = [result for result in results if isinstance(result, ApiError)]
    assert refused
    assert all(error.reason == "TooManyRequests" for error in refused)
    assert all((error.details or {}).get("retryAfterSeconds") == 1 for error in refused)
    await flooder.create(CONFIG_MAPS, config_map("again"), "default")  # no seat was lost
    with pytest.raises(ApiError):
        await flooder.create(CONFIG_MAPS, config_map("again"), "default")
