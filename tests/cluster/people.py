"""Users of a test cluster with kubeconfigs of their own, and kubectl in their hands."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from grappe.apiserver.pki.kubeconfig import write_kubeconfig
from grappe.testing.cluster import TestCluster


class Done(NamedTuple):
    code: int
    out: str
    err: str


class Kubectl:
    """kubectl with one kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig

    async def run(self, *arguments: str, send: Any = None) -> Done:
        """Run to the end. `send`: objects for `-f -`."""
        binary = shutil.which("kubectl")
        if binary is None:
            pytest.skip("kubectl is not on PATH")
        text = "" if send is None else "---\n".join(yaml.safe_dump(o) for o in _several(send))
        process = await asyncio.create_subprocess_exec(
            binary,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={
                **os.environ,
                "KUBECONFIG": str(self.kubeconfig),
                "KUBECACHEDIR": str(self.kubeconfig.parent / "cache"),
            },
        )
        out, err = await process.communicate(text.encode())
        return Done(process.returncode or 0, out.decode(), err.decode())

    async def __call__(self, *arguments: str, send: Any = None) -> str:
        """What a successful run prints."""
        done = await self.run(*arguments, send=send)
        assert done.code == 0, done.err
        return done.out


def _several(objects: Any) -> list[Any]:
    return objects if isinstance(objects, list) else [objects]


async def administrator(cluster: TestCluster) -> Kubectl:
    return Kubectl(await cluster.serve_https())


async def person(cluster: TestCluster, name: str, *groups: str) -> Kubectl:
    """kubectl with a client certificate of its own."""
    await cluster.serve_https()
    certificate, key = cluster.api.pki.issue_client(name, list(groups))
    path = cluster.config.data_dir / f"{name}.kubeconfig"
    url = f"https://127.0.0.1:{cluster.config.port}"
    ca = cluster.api.pki.ca_certificate.read_bytes()
    write_kubeconfig(path, url, certificate, key, name, ca=ca)
    return Kubectl(path)


def kubernetes_client(kubeconfig: Path) -> Any:
    """An ApiClient of the Python client."""
    from kubernetes import config

    return config.new_client_from_config(str(kubeconfig))
