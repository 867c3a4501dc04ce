"""What the tests of Applications share: a repository, manifests, and waiting for a state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import APPLICATIONS, CONFIG_MAPS, Resource
from grappe.base.clock import SystemClock
from grappe.client.interface import Client
from grappe.delivery import run
from grappe.testing.git_repository import GitRepository

PATIENCE = 45.0


async def until(what: Callable[[], Awaitable[Any]]) -> Any:
    """The first true answer of `what`."""
    deadline = time.monotonic() + PATIENCE
    while True:
        if answer := await what():
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE} s in vain")
        await asyncio.sleep(0.02)


def manifest(kind: str, name: str, **more: Any) -> Object:
    """An object as a manifest has it; annotations by `annotations=`."""
    meta: Object = {"name": name}
    if "annotations" in more:
        meta["annotations"] = {
            f"argocd.argoproj.io/{k}": v for k, v in more.pop("annotations").items()
        }
    if "namespace" in more:
        meta["namespace"] = more.pop("namespace")
    return {"apiVersion": more.pop("api_version", "v1"), "kind": kind, "metadata": meta, **more}


def config_map(name: str, value: str = "1", **more: Any) -> Object:
    return manifest("ConfigMap", name, data={"value": value}, **more)


def text(*objects: Object) -> str:
    return yaml.safe_dump_all(objects, sort_keys=False)


class GitOps:
    """A running delivery, a repository, and the Applications made from it."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.client = client
        self.repository = GitRepository(folder / "repository")

    async def create(
        self,
        name: str = "web",
        *,
        automated: dict[str, Any] | None = None,
        options: tuple[str, ...] = ("PrunePropagationPolicy=background",),
        source: dict[str, Any] | None = None,
        finalizers: tuple[str, ...] = (),
        namespace: str = "argocd",
        **spec: Any,
    ) -> Object:
        """An Application of folder `deploy` into namespace `default`."""
        policy: dict[str, Any] = {"syncOptions": [*options], **spec.pop("syncPolicy", {})}
        if automated is not None:
            policy["automated"] = automated
        meta: Object = {"name": name, "namespace": namespace, "finalizers": [*finalizers]}
        where = {"repoURL": str(self.repository.path), "path": "deploy", **(source or {})}
        destination = {"server": "https://kubernetes.default.svc", "namespace": "default"}
        return await self.client.create(
            APPLICATIONS,
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Application",
                "metadata": meta,
                "spec": {
                    "project": "default",
                    "source": where,
                    "destination": destination,
                    "syncPolicy": policy,
                    **spec,
                },
            },
        )

    async def application(self, name: str = "web", namespace: str = "argocd") -> Object:
        return await self.client.get(APPLICATIONS, name, namespace)

    async def sync(self, name: str = "web", **sync: Any) -> None:
        """Ask for a sync, as `argocd app sync` does."""
        operation = {"operation": {"initiatedBy": {"username": "me"}, "sync": sync}}
        await self.client.patch(APPLICATIONS, name, operation, "argocd")

    async def until(
        self,
        sync: str = "",
        health: str = "",
        *,
        revision: str = "",
        condition: str = "",
        phase: str = "",
        name: str = "web",
        namespace: str = "argocd",
    ) -> Object:
        """Wait until the Application's status says all this; the status."""

        async def so() -> Object | None:
            found = await self.find(APPLICATIONS, name, namespace)
            status = (found or {}).get("status") or {}
            state = status.get("operationState") or {}
            types = [c["type"] for c in status.get("conditions") or ()]
            right = (
                sync in ("", (status.get("sync") or {}).get("status"))
                and health in ("", (status.get("health") or {}).get("status"))
                and revision in ("", (status.get("sync") or {}).get("revision"))
                and phase in ("", state.get("phase"))
                and (not condition or condition in types)
            )
            return status if right else None

        try:
            found: Object = await until(so)
        except AssertionError:
            got = (await self.application(name, namespace)).get("status")
            raise AssertionError(f"not reached; the status is {got}") from None
        return found

    async def value(self, name: str, namespace: str = "default") -> str | None:
        """What a ConfigMap made by `config_map` holds; None when there is none."""
        found = await self.find(CONFIG_MAPS, name, namespace)
        return found["data"]["value"] if found is not None else None

    async def find(
        self, resource: Resource, name: str, namespace: str | None = "default"
    ) -> Object | None:
        try:
            return await self.client.get(resource, name, namespace)
        except ApiError as error:
            if error.code == 404:
                return None
            raise


@asynccontextmanager
async def delivering(client: Client, folder: Path) -> AsyncIterator[GitOps]:
    """Deliver for the length of a block, which begins once Applications are served."""
    task = asyncio.create_task(run(client, folder / "work", SystemClock()))

    async def served() -> bool:
        try:
            await client.list(APPLICATIONS)
        except ApiError:
            return False
        return True

    try:
        await until(served)
        yield GitOps(client, folder)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def conditions(status: Object, condition_type: str) -> str:
    """The messages of one type of condition."""
    return "; ".join(
        c["message"] for c in status.get("conditions") or () if c["type"] == condition_type
    )
