"""kubectl against the in-process server over HTTPS."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from grappe.testing.cluster import TestCluster

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH")

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "web:1"}
"""


class Kubectl:
    """Runs kubectl with a home and kubeconfig of its own."""

    def __init__(self, kubeconfig: Path, home: Path) -> None:
        self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(home)}

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            "kubectl",
            "--request-timeout=20s",
            *arguments,
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def __call__(self, *arguments: str, stdin: str = "", fails: bool = False) -> str:
        """Standard output of a success, standard error of a failure."""
        process = await self.start(*arguments)
        async with asyncio.timeout(30):
            out, err = await process.communicate(stdin.encode())
        assert (process.returncode != 0) is fails, (arguments, out, err)
        return (err if fails else out).decode()


@pytest.fixture
async def kubectl(cluster: TestCluster, tmp_path: Path) -> Kubectl:
    return Kubectl(await cluster.serve_https(), tmp_path)


async def test_create_get_apply_delete(kubectl: Kubectl) -> None:
    assert await kubectl("create", "configmap", "a", "--from-literal=k=v") == (
        "configmap/a created\n"
    )
    assert "  k: v\n" in await kubectl("get", "configmap", "a", "-o", "yaml")
    listed = (await kubectl("get", "configmaps")).splitlines()
    assert listed[0].split() == ["NAME", "DATA", "AGE"]
    assert listed[1].split()[:2] == ["a", "1"]
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {k: '1'}\n"
    assert await kubectl("apply", "-f", "-", stdin=manifest) == "configmap/b created\n"
    assert await kubectl("apply", "-f", "-", stdin=manifest) == "configmap/b unchanged\n"
    changed = manifest.replace("'1'", "'2'")
    assert await kubectl("apply", "-f", "-", stdin=changed) == "configmap/b configured\n"
    assert await kubectl("delete", "configmap", "a", "b") == (
        'configmap "a" deleted\nconfigmap "b" deleted\n'
    )
    assert "not found" in await kubectl("get", "configmap", "a", fails=True)


async def test_a_misspelt_field_is_refused_by_name(kubectl: Kubectl) -> None:
    wrong = DEPLOYMENT.replace("replicas:", "replica:")
    told = await kubectl("apply", "-f", "-", stdin=wrong, fails=True)
    assert 'unknown field "spec.replica"' in told


async def test_server_side_apply_reports_conflicts(kubectl: Kubectl) -> None:
    await kubectl("apply", "--server-side", "-f", "-", stdin=DEPLOYMENT)
    changed = DEPLOYMENT.replace("replicas: 1", "replicas: 2")
    apply = ("apply", "--server-side", "--field-manager=other", "-f", "-")
    told = await kubectl(*apply, stdin=changed, fails=True)
    assert 'conflict with "kubectl": .spec.replicas' in told
    await kubectl(*apply, "--force-conflicts", stdin=changed)
    shown = await kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}")
    assert shown == "2"


async def test_diff_shows_what_apply_would_change_and_changes_nothing(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    process = await kubectl.start("diff", "-f", "-")
    changed = DEPLOYMENT.replace("web:1", "web:2").encode()
    out, _ = await process.communicate(changed)
    assert process.returncode == 1
    assert "+      - image: web:2" in out.decode()
    shown = await kubectl(
        "get", "deploy", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image}"
    )
    assert shown == "web:1"


async def test_watch_prints_what_happens(kubectl: Kubectl) -> None:
    process = await kubectl.start("get", "configmaps", "-w", "--output-watch-events")
    assert process.stdout is not None

    async def line() -> list[str]:
        async with asyncio.timeout(20):
            return (await process.stdout.readline()).decode().split()  # type: ignore[union-attr]

    try:
        await kubectl("create", "configmap", "a")
        assert await line() == ["EVENT", "NAME", "DATA", "AGE"]
        assert (await line())[:2] == ["ADDED", "a"]
        await kubectl("delete", "configmap", "a")
        assert (await line())[:2] == ["DELETED", "a"]
    finally:
        process.terminate()
        await process.wait()


async def test_scale_label_expose_and_rollout_status(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    assert await kubectl("scale", "deploy", "web", "--replicas=3") == (
        "deployment.apps/web scaled\n"
    )
    assert "web labeled" in await kubectl("label", "deploy", "web", "team=x")
    assert "web exposed" in await kubectl("expose", "deploy", "web", "--port=80")
    shown = await kubectl("get", "svc", "web", "-o", "jsonpath={.spec.clusterIP}")
    assert shown.startswith("10.96.")
    assert "web" in await kubectl("get", "deploy", "-l", "team=x", "-o", "name")


async def test_explain_and_api_resources(kubectl: Kubectl) -> None:
    assert "containers" in await kubectl("explain", "pod.spec")
    resources = await kubectl("api-resources", "--no-headers")
    assert "deployments" in resources


async def test_a_custom_resource_from_definition_to_table(kubectl: Kubectl) -> None:
    definition = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: wines.cellar.example.com}
spec:
  group: cellar.example.com
  scope: Namespaced
  names: {plural: wines, singular: wine, kind: Wine, shortNames: [wn]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.bottles,
                                       statusReplicasPath: .status.bottles}}
    additionalPrinterColumns:
    - {name: Colour, type: string, jsonPath: .spec.colour}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [colour]
            properties:
              colour: {type: string, enum: [red, white]}
              bottles: {type: integer, default: 6}
          status: {type: object, properties: {bottles: {type: integer}}}
"""
    await kubectl("apply", "-f", "-", stdin=definition)
    await kubectl(
        "wait", "--for=condition=Established", "crd/wines.cellar.example.com", "--timeout=10s"
    )
    wine = (
        "apiVersion: cellar.example.com/v1\nkind: Wine\nmetadata: {name: a}\n"
        "spec: {colour: COLOUR, extra: 1}\n"
    )
    strict = await kubectl("apply", "-f", "-", stdin=wine.replace("COLOUR", "red"), fails=True)
    assert 'unknown field "spec.extra"' in strict
    lax = ("apply", "--validate=ignore", "-f", "-")
    told = await kubectl(*lax, stdin=wine.replace("COLOUR", "blue"), fails=True)
    assert 'Unsupported value: "blue"' in told
    await kubectl(*lax, stdin=wine.replace("COLOUR", "red"))
    shown = await kubectl("get", "wn", "a", "-o", "jsonpath={.spec}")
    assert shown == '{"bottles":6,"colour":"red"}'
    table = (await kubectl("get", "wines")).splitlines()
    assert table[0].split() == ["NAME", "COLOUR"]
    assert table[1].split() == ["a", "red"]
    await kubectl("scale", "wine", "a", "--replicas=12")
    assert await kubectl("get", "wine", "a", "-o", "jsonpath={.spec.bottles}") == "12"
    await kubectl("delete", "crd", "wines.cellar.example.com", "--timeout=10s")
    assert "could not find the requested resource" in await kubectl("get", "wines", fails=True)
