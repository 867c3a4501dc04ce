"""The process that delivers is killed again and again, anywhere: in the end the cluster is what the
repository says, with nothing left of any commit in between."""

from __future__ import annotations

import asyncio
import random
import sys

import pytest
import yaml

from grappe.api.errors import ApiError
from grappe.api.resources import APPLICATIONS, CONFIG_MAPS, NAMESPACES
from grappe.testing.cluster import running_cluster
from grappe.testing.git_repository import GitRepository

pytestmark = pytest.mark.crash

_PROGRAM = """
import asyncio, sys
from pathlib import Path
from grappe.base.clock import SystemClock
from grappe.client import connect
from grappe.delivery import run
asyncio.run(run(connect(Path(sys.argv[1])), Path(sys.argv[2]), SystemClock()))
"""
_ROUNDS = 8


def manifests(chance: random.Random) -> str:
    """Some ConfigMaps of two namespaces, in waves, with values of this commit."""
    chosen = chance.sample(range(12), chance.randint(1, 12))
    objects = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": f"c{n}",
                "namespace": "default" if n % 2 else "other",
                "annotations": {"argocd.argoproj.io/sync-wave": str(n % 3)},
            },
            "data": {"value": str(chance.random())},
        }
        for n in chosen
    ]
    return yaml.safe_dump_all(objects)


def wanted(text: str) -> dict[str, str]:
    return {o["metadata"]["name"]: o["data"]["value"] for o in yaml.safe_load_all(text)}


@pytest.mark.parametrize("seed", [1, 2])
async def test_killed_anywhere_it_ends_with_what_the_repository_says(tmp_path, seed):
    chance = random.Random(seed)
    repository = GitRepository(tmp_path / "repo")
    application = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "app", "namespace": "argocd"},
        "spec": {
            "project": "default",
            "source": {"repoURL": str(repository.path), "path": "deploy"},
            "destination": {"name": "in-cluster", "namespace": "default"},
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True},
                "syncOptions": ["PrunePropagationPolicy=background"],
            },
        },
    }
    async with running_cluster() as cluster:
        other = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}}
        await cluster.client.create(NAMESPACES, other)
        kubeconfig = await cluster.serve_https()

        async def start() -> asyncio.subprocess.Process:
            arguments = ["-c", _PROGRAM, str(kubeconfig), str(tmp_path / "work")]
            return await asyncio.create_subprocess_exec(sys.executable, *arguments)

        async def delivered(revision: str) -> bool:
            status = (await cluster.client.get(APPLICATIONS, "app", "argocd")).get("status") or {}
            sync = status.get("sync") or {}
            return (sync.get("status"), sync.get("revision")) == ("Synced", revision)

        process = await start()
        try:
            created = False
            for _ in range(_ROUNDS):
                text = manifests(chance)
                revision = repository.commit({"deploy/all.yaml": text})
                if not created:
                    created = await _create(cluster.client, application)
                await asyncio.sleep(chance.uniform(0.3, 1.8))  # killed wherever it is then
                process.kill()
                await process.wait()
                process = await start()
            async with asyncio.timeout(60):
                while not created:
                    await asyncio.sleep(0.05)
                    created = await _create(cluster.client, application)
                while not await delivered(revision):
                    await asyncio.sleep(0.05)
        finally:
            process.kill()
            await process.wait()
        found = await cluster.client.list(CONFIG_MAPS)
        mine = {
            o["metadata"]["name"]: o["data"]["value"]
            for o in found.items
            if "argocd.argoproj.io/tracking-id" in (o["metadata"].get("annotations") or {})
        }
        assert mine == wanted(text)


async def _create(client, application) -> bool:
    """Once Applications are served; that may take until the second start."""
    try:
        await client.create(APPLICATIONS, application)
    except ApiError as error:
        if error.code == 404:
            return False
        raise
    return True
