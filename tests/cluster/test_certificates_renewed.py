"""Certificates and the authority itself change while clients are connected: with lives of seconds,
on the machine's own clock and real TLS."""

from __future__ import annotations

import asyncio
import base64
import shutil
import time
from pathlib import Path

import pytest

from grappe.api.resources import CONFIG_MAPS, NAMESPACES, SECRETS
from grappe.apiserver import pki
from grappe.apiserver.http.server import serve
from grappe.client import connect, https
from grappe.client.interface import TransportError
from grappe.testing.cluster import TestCluster, running_cluster

LIVES = pki.Lifetimes(leaf=6, renew=4, authority=18, prepare=14, switch=8)
RECENT = 2.0  # seconds; a certificate that is shown has at least as much as this left


def start_anew(cluster: TestCluster) -> None:
    """Throw away all that lives for years, the token key apart."""
    for path in cluster.config.pki_dir.iterdir():
        if path.name not in ("sa.key", ".lock"):
            path.unlink()
    pki.ensure(cluster.config, lives=LIVES)


async def ask(kubeconfig: Path) -> None:
    """A new connection that trusts and shows what the file says."""
    client = connect(kubeconfig)
    try:
        await client.get(NAMESPACES, "kube-system")
    finally:
        await client.close()


async def test_every_kubeconfig_works_while_certificates_and_the_authority_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(https, "_RENEWAL_SECONDS", 0.2)
    async with running_cluster() as cluster:
        start_anew(cluster)
        first = cluster.api.pki.authorities()[0]
        tls = pki.server_ssl_context(cluster.api.pki)
        http = await serve(cluster.api.handle, addresses=[("127.0.0.1", 0)], tls=tls)
        config = cluster.config.with_port(http.ports[0])
        pki.ensure(config, lives=LIVES)
        renewing = asyncio.create_task(
            pki.renew_forever(config, tls, cluster.api.authority_changed, lives=LIVES, period=0.1)
        )
        secret = {
            "metadata": {
                "name": "lasting",
                "namespace": "default",
                "annotations": {"kubernetes.io/service-account.name": "default"},
            },
            "type": "kubernetes.io/service-account-token",
        }
        await cluster.client.create(SECRETS, secret)
        old = connect(config.kubeconfig)  # one client that lives through it all
        platform = connect(config.kubeconfig_of("platform"))
        ended = tmp_path / "ended"
        shutil.copy(config.kubeconfig, ended)
        kubelet = {cluster.api.pki.certificate("kubelet").read_bytes()}
        began, turn = time.monotonic(), 0
        copy, copied = tmp_path / "copy", began
        try:
            shutil.copy(config.kubeconfig, copy)
            while first in cluster.api.pki.authorities()[:1] or time.monotonic() < began + 19:
                turn += 1
                config_map = {"metadata": {"name": f"c{turn}", "namespace": "default"}}
                await old.create(CONFIG_MAPS, config_map)
                await platform.get(CONFIG_MAPS, f"c{turn}", "default")
                await ask(config.kubeconfig)
                await ask(copy)
                kubelet.add(cluster.api.pki.certificate("kubelet").read_bytes())
                if time.monotonic() > copied + LIVES.renew - RECENT:
                    shutil.copy(config.kubeconfig, copy)
                    copied = time.monotonic()
                await asyncio.sleep(0.05)
                if renewing.done():
                    renewing.result()
            assert len(kubelet) > 5
            with pytest.raises(TransportError, match=r"(?i)certificate|closed|reset"):
                await ask(ended)
            found = await cluster.client.get(SECRETS, "lasting", "default")
            bundle = cluster.api.pki.ca_certificate.read_bytes()
            assert base64.b64decode(found["data"]["ca.crt"]) == bundle
        finally:
            renewing.cancel()
            await old.close()
            await platform.close()
            await http.close(grace=0.5)
