"""Deleting Applications, with and without what they deployed."""

from __future__ import annotations

import asyncio

import pytest

from grappe import controllers
from grappe.api.resources import APPLICATIONS, CONFIG_MAPS

from .gitops import config_map, delivering, text, until

CASCADE = "resources-finalizer.argocd.argoproj.io/background"
AUTOMATED = {"prune": True, "selfHeal": True}


@pytest.fixture
async def gitops(cluster, tmp_path):
    async with delivering(cluster.client, tmp_path) as running:
        yield running


async def gone(gitops):
    async def so():
        return await gitops.find(APPLICATIONS, "web", "argocd") is None

    await until(so)


async def test_with_its_finalizer_what_it_deployed_goes_too(gitops):
    kept = config_map("kept", annotations={"sync-options": "Delete=false"})
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a"), config_map("b"), kept)})
    await gitops.create(automated=AUTOMATED, finalizers=(CASCADE,))
    await gitops.until("Synced")
    await gitops.client.delete(APPLICATIONS, "web", "argocd")
    await gone(gitops)
    assert [await gitops.value(name) for name in ("a", "b", "kept")] == [None, None, "1"]


async def test_argo_cds_own_finalizer_deletes_in_the_foreground(cluster, gitops):
    """Which needs the garbage collector, and a finalizer name without a path."""
    collector = asyncio.create_task(controllers.run(cluster.client, cluster.clock))
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a"))})
    await gitops.create(automated=AUTOMATED, finalizers=("resources-finalizer.argocd.argoproj.io",))
    await gitops.until("Synced")
    await gitops.client.delete(APPLICATIONS, "web", "argocd")
    await gone(gitops)
    assert await gitops.value("a") is None
    collector.cancel()
    await asyncio.gather(collector, return_exceptions=True)


async def test_without_it_everything_stays(gitops):
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a"))})
    await gitops.create(automated=AUTOMATED)
    await gitops.until("Synced")
    await gitops.client.delete(APPLICATIONS, "web", "argocd")
    await gone(gitops)
    await gitops.client.patch(CONFIG_MAPS, "a", {"data": {"value": "mine"}}, "default")
    await gitops.create("other")
    await gitops.until("OutOfSync", name="other")
    assert await gitops.value("a") == "mine"


async def test_waves_go_backwards_and_each_is_waited_for(gitops):
    second = config_map("second", annotations={"sync-wave": "1"})
    gitops.repository.commit({"deploy/a.yaml": text(config_map("first"), second)})
    await gitops.create(automated=AUTOMATED, finalizers=(CASCADE,))
    await gitops.until("Synced", phase="Succeeded")
    hold = {"metadata": {"finalizers": ["example.com/hold"]}}
    await gitops.client.patch(CONFIG_MAPS, "second", hold, "default")
    await gitops.client.delete(APPLICATIONS, "web", "argocd")

    async def going():
        found = await gitops.find(CONFIG_MAPS, "second")
        return found["metadata"].get("deletionTimestamp")

    await until(going)
    assert await gitops.value("first") == "1"
    release = {"metadata": {"finalizers": None}}
    await gitops.client.patch(CONFIG_MAPS, "second", release, "default")
    await gone(gitops)
    assert await gitops.value("first") is None


async def test_an_application_whose_repository_is_gone_can_be_deleted(gitops):
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a"))})
    await gitops.create(automated=AUTOMATED, finalizers=(CASCADE,))
    await gitops.until("Synced")
    elsewhere = {"spec": {"source": {"repoURL": "/nonexistent"}}}
    await gitops.client.patch(APPLICATIONS, "web", elsewhere, "argocd")
    await gitops.until("Unknown")
    await gitops.client.delete(APPLICATIONS, "web", "argocd")
    await gone(gitops)
    assert await gitops.value("a") is None


async def test_deletion_goes_on_after_a_restart(cluster, tmp_path):
    async with delivering(cluster.client, tmp_path) as gitops:
        gitops.repository.commit({"deploy/a.yaml": text(config_map("a"))})
        await gitops.create(automated=AUTOMATED, finalizers=(CASCADE,))
        await gitops.until("Synced")
    await cluster.client.delete(APPLICATIONS, "web", "argocd")
    (tmp_path / "second").mkdir()
    async with delivering(cluster.client, tmp_path / "second") as gitops:
        await gone(gitops)
        assert await gitops.value("a") is None
