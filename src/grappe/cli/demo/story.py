"""What the demo does, in order, and what it shows of it."""

from __future__ import annotations

import asyncio
import http.client
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import yaml

import grappe
from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import APPLICATIONS, DEPLOYMENTS, NAMESPACES, PODS, SERVICES
from grappe.assembly.node import load_image
from grappe.base.config import ClusterConfig
from grappe.base.errors import UserError
from grappe.cli.demo.image import Builder
from grappe.cli.demo.ports import NODE_PORT, free_node_port
from grappe.cli.demo.repository import Repository
from grappe.cli.demo.traffic import Traffic, fetch
from grappe.cli.output import step
from grappe.client import connect
from grappe.client.interface import Client

_APP, _NAMESPACE = "hello-web", "hello"
_ARGOCD = "argocd"
_PATIENCE = 120.0


def example_dir() -> Path:
    """examples/hello-web beside the source; UserError where grappe came without it."""
    path = Path(grappe.__file__).parents[2] / "examples" / "hello-web"
    if not path.is_dir():
        raise UserError(
            "the demo's application is not part of the installed package",
            "clone grappe's repository and run ./grappe demo there",
        )
    return path


def repository_dir(config: ClusterConfig) -> Path:
    """Where the demo keeps its Git repository."""
    return config.data_dir / "demo" / "repository"


async def tell(config: ClusterConfig, example: Path) -> str:
    """Run the whole demo on a running cluster; the application's URL on localhost."""
    application: Object = yaml.safe_load((example / "application.yaml").read_text())
    client = connect(config.kubeconfig)
    try:
        return await _tell(client, config, example, application)
    finally:
        await client.close()


async def _tell(client: Client, config: ClusterConfig, example: Path, application: Object) -> str:
    builder = Builder(config.data_dir / "demo" / "build", example)
    repository = Repository(repository_dir(config))
    with step("base image from Debian's packages (mmdebstrap)"):
        await asyncio.to_thread(builder.base)
    with step("application image, version 1 (buildah)"):
        await asyncio.to_thread(_build_and_load, builder, config, "1")
    with step("Git repository with the manifests"):
        revision = repository.create(example / "manifests")
        port = await _node_port(client)
        if port != NODE_PORT:  # another cluster's demo may have it
            repository.replace("service.yaml", f"nodePort: {NODE_PORT}", f"nodePort: {port}")
            revision = repository.commit(f"hello-web: port {port}, as {NODE_PORT} is taken here")
    with step("Argo CD Application: Synced and Healthy"):
        await _create_application(client, application, repository.path)
        await _until_healthy(client, revision)
    urls = await _call_service(client)
    await _roll_out(client, config, builder, repository, urls[1])
    await _heal(client)
    return urls[1]


async def _node_port(client: Client) -> int:
    """The port of localhost for the Service: the one it has, or one that nobody holds."""
    try:
        service = await client.get(SERVICES, _APP, _NAMESPACE)
    except ApiError as error:
        if error.code != 404:
            raise
        return free_node_port(NODE_PORT)
    return int(service["spec"]["ports"][0]["nodePort"])


def _build_and_load(builder: Builder, config: ClusterConfig, version: str) -> None:
    load_image(config, builder.application(f"localhost/hello-web:{version}", version))


async def _create_application(client: Client, application: Object, repository: Path) -> None:
    application["spec"]["source"]["repoURL"] = str(repository)
    await client.apply(
        NAMESPACES,
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _ARGOCD}},
        field_manager="grappe-demo",
    )

    async def applied() -> bool:
        try:
            await client.apply(APPLICATIONS, application, field_manager="grappe-demo", force=True)
        except ApiError as error:
            if error.code != 404:  # the platform process is still installing the CRD
                raise
            return False
        return True

    await _until(applied, "the Application kind is served")


async def _until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not await condition():
        if time.monotonic() > deadline:
            raise UserError(f"waited {_PATIENCE:.0f} s until {what}", "see: grappe status -c demo")
        await asyncio.sleep(0.05)


async def _until_healthy(client: Client, revision: str) -> None:
    status: Object = {}

    async def healthy() -> bool:
        nonlocal status
        application = await client.get(APPLICATIONS, _APP, _ARGOCD)
        status = application.get("status", {})
        sync = status.get("sync", {})
        return (
            sync.get("status") == "Synced"
            and sync.get("revision") == revision
            and bool(status.get("health", {}).get("status") == "Healthy")
        )

    try:
        await _until(healthy, "the Application is Synced and Healthy")
    except UserError as error:
        said = [c["message"] for c in status.get("conditions", [])]
        said.append(status.get("operationState", {}).get("message", ""))
        raise UserError(
            f"{error.message}; it says: {' '.join(filter(None, said))}", error.fix
        ) from None


async def _call_service(client: Client) -> tuple[str, str]:
    service = await client.get(SERVICES, _APP, _NAMESPACE)
    port = service["spec"]["ports"][0]
    urls = (
        f"http://{service['spec']['clusterIP']}:{port['port']}/",
        f"http://127.0.0.1:{port['nodePort']}/",
    )
    for name, url in zip(("cluster IP", "localhost"), urls, strict=True):

        async def answers(url: str = url) -> bool:
            try:
                answer = await asyncio.to_thread(fetch, url, 1.0)
            except (OSError, http.client.HTTPException):
                return False
            pods = (await client.list(PODS, _NAMESPACE)).items
            return any(f"pod {pod['metadata']['name']})" in answer for pod in pods)

        await _until(answers, f"a pod of this cluster answers at {url}")
        answer = await asyncio.to_thread(fetch, url)
        click.echo(f"    {name:<11} {url:<26} → {answer}")
    return urls


async def _roll_out(
    client: Client, config: ClusterConfig, builder: Builder, repository: Repository, url: str
) -> None:
    with step("application image, version 2"):
        await asyncio.to_thread(_build_and_load, builder, config, "2")
    with Traffic(url) as traffic:
        with step("commit of version 2 rolled out"):
            repository.replace("deployment.yaml", "hello-web:1", "hello-web:2")
            repository.replace("configmap.yaml", "Hello from grappe", "Hello again, by git commit")
            revision = repository.commit("hello-web: version 2 with a new message")
            await _until_healthy(client, revision)
        before = traffic.versions["2"]

        async def enough() -> bool:
            return traffic.versions["2"] > before + 50

        await _until(enough, "version 2 answers")
    told = ", ".join(f"{n} × version {v}" for v, n in sorted(traffic.versions.items()))
    click.echo(f"    requests during the update: {told}, {len(traffic.failures)} failed")
    if traffic.failures:
        raise UserError(
            f"{len(traffic.failures)} requests failed during the update: {traffic.failures[0]}",
            "this is a bug in grappe; please report it",
        )
    click.echo(f"    now: {await asyncio.to_thread(fetch, url)}")


async def _heal(client: Client) -> None:
    with step("Deployment deleted by hand, healed from Git"):
        old = (await client.get(DEPLOYMENTS, _APP, _NAMESPACE))["metadata"]["uid"]
        await client.delete(DEPLOYMENTS, _APP, _NAMESPACE)

        async def back() -> bool:
            try:
                found = await client.get(DEPLOYMENTS, _APP, _NAMESPACE)
            except ApiError as error:
                if error.code != 404:
                    raise
                return False
            available = found.get("status", {}).get("availableReplicas", 0)
            return bool(found["metadata"]["uid"] != old and available == 2)

        await _until(back, "the Deployment is back with two Pods")


def what_next(config: ClusterConfig, url: str) -> None:
    """Say what to try on the cluster that stays up."""
    click.secho("\nThe application runs; the cluster stays up. Try:", bold=True)
    for line in (
        f"curl {url}",
        f"kubectl --context grappe-{config.name} get applications,deployments,pods -A",
        f"edit {repository_dir(config)}/manifests, git commit, and watch",
        f"grappe status --cluster {config.name}",
        f"grappe delete --cluster {config.name}",
    ):
        click.echo(f"  {line}")
