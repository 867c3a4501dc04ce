"""CronJobs and disruption budgets from end to end within the process."""

from __future__ import annotations

from typing import Any

import pytest

from grappe.api.errors import ApiError
from grappe.api.resources import DEPLOYMENTS, PODS, builtin
from grappe.testing.cluster import TestCluster

from .plant import deployment, events, plant, until

Object = dict[str, Any]
CRON_JOBS = builtin("batch", "v1", "cronjobs")
BUDGETS = builtin("policy", "v1", "poddisruptionbudgets")


async def test_a_job_is_made_when_it_is_due_and_its_success_noted(cluster: TestCluster) -> None:
    assert CRON_JOBS is not None
    async with plant(cluster) as made:
        made.behave = lambda pod: "Succeeded"
        client = cluster.client
        subject: Object = {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": "tick", "namespace": "default"},
            "spec": {
                "schedule": "@every 1s",
                "successfulJobsHistoryLimit": 1,
                "jobTemplate": {
                    "spec": {
                        "template": {
                            "spec": {
                                "restartPolicy": "Never",
                                "containers": [{"name": "c", "image": "x"}],
                            }
                        }
                    }
                },
            },
        }
        await client.create(CRON_JOBS, subject)

        async def succeeded() -> bool:
            found = await client.get(CRON_JOBS, "tick", "default")
            return bool((found.get("status") or {}).get("lastSuccessfulTime"))

        await until(succeeded)
        told = await events(client, "tick")
        assert any(e.startswith("SuccessfulCreate: Created job tick-") for e in told)


async def test_a_budget_refuses_evictions_beyond_it(cluster: TestCluster) -> None:
    assert BUDGETS is not None
    async with plant(cluster):
        client = cluster.client
        await client.create(DEPLOYMENTS, deployment(replicas=3))
        budget: Object = {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}},
        }
        await client.create(BUDGETS, budget)

        async def settled() -> bool:
            status = (await client.get(BUDGETS, "web", "default")).get("status") or {}
            return (status.get("disruptionsAllowed"), status.get("expectedPods")) == (1, 3)

        await until(settled)
        names = [p["metadata"]["name"] for p in (await client.list(PODS, "default")).items]

        async def evict(name: str) -> None:
            eviction: Object = {
                "apiVersion": "policy/v1",
                "kind": "Eviction",
                "metadata": {"name": name, "namespace": "default"},
            }
            await client.create(PODS, eviction, "default", name=name, subresource="eviction")

        await evict(names[0])
        with pytest.raises(ApiError) as refused:
            await evict(names[1])
        assert refused.value.code == 429
        await until(settled)
